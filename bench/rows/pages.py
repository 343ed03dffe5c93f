"""List and detail pages over a million deliveries."""

from bench.crowd import crowd
from bench.frame import Bench, Figure, Goal, number, percentile
from bench.portal import call

WEBHOOKS, REQUESTS = 10_000, 40


def run(bench: Bench) -> list[Figure]:
    many = crowd(bench, WEBHOOKS)
    with many.inside() as inside:
        past = call(inside, "pages:make_past")
        pages = call(inside, "pages:time_pages", owner=past["owner"], requests=REQUESTS)
    queries = {name: page["queries"] for name, page in pages.items()}
    slowest = {name: percentile(page["seconds"], 0.95) * 1000 for name, page in pages.items()}
    cpu = _each({name: page["cpu"] * 1000 for name, page in pages.items()})
    size = f"with {number(past['deliveries'])} deliveries"
    note = f"{_each(slowest)}; of which our CPU: {cpu}"
    return [
        Figure(f"pages {size}: queries", max(queries.values()), "", Goal(29, 14, most=True), _each(queries)),
        Figure(f"pages {size}: p95 of the slowest", max(slowest.values()), "ms", Goal(150, most=True), note),
    ]


def _each(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())
