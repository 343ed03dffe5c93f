"""The single-machine mode."""

from bench.frame import Bench, Figure, Goal, median, spread
from bench.portal import PortalOnSqlite


def run(bench: Bench) -> list[Figure]:
    portal = PortalOnSqlite(bench.around, scale=bench.scale)
    portal.prepare()
    rates = [run.rate for run in bench.interleave([portal])[portal.name]]
    return [Figure("SQLite mode, deliveries/s", median(rates), "", Goal(300, 1_000), spread(rates))]
