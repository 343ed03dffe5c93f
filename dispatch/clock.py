"""The one clock of claims and due times.

Two machines never agree on the time, so on PostgreSQL the database's clock decides; SQLite runs on one machine, where
the process's clock is the same thing. Tests shift it by PORTAL_TEST_CLOCK_OFFSET_SECONDS, refused in production.
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection


def now() -> datetime:
    """Return the current moment, zone-aware, in UTC."""
    return _database_now() + timedelta(seconds=settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS)


def _database_now() -> datetime:
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        # Not now(): that one stands still during a transaction, and a claim may wait for locks.
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
