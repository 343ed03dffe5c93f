"""The one clock of claims and due times.

Two machines never agree on the time, so on PostgreSQL the database's clock decides; SQLite runs on one machine, where
the process's clock is the same thing. Tests shift it by PORTAL_TEST_CLOCK_OFFSET_SECONDS, refused in production.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection


def now() -> datetime:
    """Return the current moment, zone-aware, in UTC."""
    if connection.vendor != "postgresql":
        return datetime.now(UTC) + timedelta(seconds=settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS)
    sql, params = sql_now()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        return cursor.fetchone()[0]


def sql_now() -> tuple[str, list[Any]]:
    """Return the current moment as an SQL expression and its parameters, to ask it within another statement.

    On PostgreSQL it is read while that statement runs, and not from now(): that one stands still during a transaction,
    and a claim may wait for locks.
    """
    if connection.vendor != "postgresql":
        return "%s", [connection.ops.adapt_datetimefield_value(now())]
    return "clock_timestamp() + %s * interval '1 second'", [settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS]
