"""Deliveries with a token in the cache, against the same without authentication. Each webhook has a token of its own:
with one for all, the cache would be asked for less."""

from bench.authenticated import Authenticated, compare_with_none
from bench.frame import Bench, Figure, Goal


def run(bench: Bench) -> list[Figure]:
    portal = Authenticated(bench.around, scale=bench.scale)
    portal.asked = "use_tokens"
    portal.prepare()
    return compare_with_none(bench, portal, "with a cached token against none: deliveries/s", Goal(0.8))
