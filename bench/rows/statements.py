"""Connections opened and statements run while a backlog is worked off."""

import time
from typing import Any

from bench.frame import Bench, Figure, Goal
from bench.portal import COUNTED, Portal

SESSIONS = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
# Utility statements (BEGIN, COMMIT, LISTEN) are not tracked. What PostgreSQL asks itself for its foreign keys, nobody
# sent.
STATEMENTS = """
    SELECT s.calls, regexp_replace(s.query, '\\s+', ' ', 'g')
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND s.query !~ 'FROM ONLY .* FOR KEY SHARE OF x$' ORDER BY 1 DESC
"""
# The views are brought up to date by each process about once a second.
STATISTICS_SECONDS = 2.0


def run(bench: Bench) -> list[Figure]:
    portal = Portal(bench.around, scale=bench.scale)
    portal.prepare()
    portal.connection.execute("CREATE EXTENSION pg_stat_statements")
    with portal.running(COUNTED) as running:
        portal.measure(running, 1)
        time.sleep(STATISTICS_SECONDS)
        with portal.backlog(running, portal.events) as backlog:
            portal.ask("SELECT pg_stat_statements_reset()")
            sessions = portal.ask(SESSIONS)[0][0]
        portal.settle(backlog.count, backlog.place, backlog.mark)
        time.sleep(STATISTICS_SECONDS)
        opened = portal.ask(SESSIONS)[0][0] - sessions
        rows = portal.ask(STATEMENTS)
    return _figures(opened, rows, backlog.count)


def _figures(opened: int, rows: list[Any], count: int) -> list[Figure]:
    each = {text: calls / count * 100 for calls, text in rows}
    often = "; ".join(f"{value:.2f} {text[:70]}" for text, value in list(each.items())[:12])
    return [
        Figure(
            "database connections opened per delivery", opened / count, "", Goal(0, 0, most=True), f"{opened} opened"
        ),
        Figure("statements per 100 deliveries", sum(each.values()), "", Goal(8, 5, most=True), often),
    ]
