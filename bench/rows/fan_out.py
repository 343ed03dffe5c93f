"""Publishing to very many webhooks: how long the one transaction takes."""

from bench.crowd import crowd
from bench.frame import Bench, Figure, Goal, number, spread
from bench.portal import call

WEBHOOKS = 100_000


def run(bench: Bench) -> list[Figure]:
    many = crowd(bench, WEBHOOKS, 0)
    with many.inside() as inside:
        told = [call(inside, "crowd:time_publish", product=many.product) for _ in range(bench.rounds + 1)]
    made = told[0]["deliveries"]
    assert made == bench.share(WEBHOOKS), f"{made} deliveries"
    seconds = [each["transaction"] for each in told]
    note = f"first {number(seconds[0])}, then {spread(seconds[1:])} s; the slowest counts"
    goal = Goal(6, 3, most=True)
    return [Figure(f"publishing to {number(made)} subscribed webhooks: the transaction", max(seconds), "s", goal, note)]
