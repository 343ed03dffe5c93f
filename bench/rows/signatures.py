"""Deliveries that carry `{{signature}}`, RS256 with a key of 2048 bits, against the same without authentication."""

from bench.authenticated import Authenticated, compare_with_none
from bench.frame import Bench, Figure, Goal


def run(bench: Bench) -> list[Figure]:
    portal = Authenticated(bench.around, scale=bench.scale)
    portal.asked = "use_signatures"
    portal.prepare()
    return compare_with_none(bench, portal, "with an RS256 signature each against none: deliveries/s", Goal(0.25))
