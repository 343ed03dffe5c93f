"""What a claim costs for each row that it takes, behind a small backlog and behind one of a million."""

from typing import Any

from bench.crowd import crowd
from bench.frame import Bench, Figure, Goal, median, number
from bench.portal import call
from bench.surroundings import Talker

SMALL, BIG, EVENTS = 1_000, 10_000, 100
LIMIT, AT_ONCE, TURNS = 200, 5, 10


def run(bench: Bench) -> list[Figure]:
    small, big = crowd(bench, SMALL), crowd(bench, BIG)
    goal = Goal(2, 1.2, most=True)
    with small.inside() as few, big.inside() as many:
        anew = _compare(few, many, kept=False)
        for inside in (few, many):
            call(inside, "crowd:keep_plans")
        kept = _compare(few, many, kept=True)
        for inside in (few, many):
            call(inside, "crowd:make_most_not_due")
        later = _compare(few, many, kept=True)
    sizes = f"{number(big.waiting)} over {number(bench.share(BIG))}, against {number(small.waiting)}"
    return [
        _figure(f"claim per row with {sizes}", kept, goal),
        _figure("the same, opening the webhooks' secrets anew each time", anew, goal),
        _figure("the same, nine of ten webhooks with nothing due yet", later, goal),
    ]


def _figure(what: str, compared: tuple[float, float], goal: Goal) -> Figure:
    few, many = compared
    return Figure(what, many / few, "x", goal, f"{number(many * 1e6)} against {number(few * 1e6)} us per row")


def _compare(few: Talker, many: Talker, *, kept: bool) -> tuple[float, float]:
    """Median seconds per row here and there, in turns, after a first turn that only warms up."""
    found: dict[str, list[float]] = {"few": [], "many": []}
    places = {"few": 0, "many": 0}
    for turn in range(TURNS + 1):
        for name, inside in (("few", few), ("many", many)):
            answer = call(inside, "crowd:claim", times=AT_ONCE, limit=LIMIT, after=places[name], kept=kept)
            places[name] = answer["after"]
            found[name] += _each(answer["claims"]) if turn else []
    return median(found["few"]), median(found["many"])


def _each(claims: list[Any]) -> list[float]:
    assert all(rows for rows, _ in claims), "a claim found nothing"
    return [seconds / rows for rows, seconds in claims]
