"""Attempts by minute: counted by the job that counts the totals, read together with what came since.

The overview of operations draws hours and days of them; counted from the attempts, a week of millions would take
minutes, and there is no index by time alone that every record would have to keep.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, TruncMinute

from dispatch.models import Attempt, AttemptMinute, Outcome, State, Tally

# The widest view of the overview shows seven days.
KEPT = timedelta(days=8)
# A reader that finds the job far behind sees no more than this: it must not read a table of millions.
READ_AT_MOST = 60_000
COLUMNS = ("minute", "delivered", "retried", "failed")

ADD = """
INSERT INTO dispatch_attemptminute (minute, delivered, retried, failed) {select}
ON CONFLICT (minute) DO UPDATE SET delivered = dispatch_attemptminute.delivered + excluded.delivered,
    retried = dispatch_attemptminute.retried + excluded.retried,
    failed = dispatch_attemptminute.failed + excluded.failed
"""


def add_to_minutes(attempts: QuerySet[Attempt]) -> None:
    """Add closed attempts that no minute holds yet. Belongs in the transaction that has the tallies locked."""
    select, params = _group(attempts).order_by("minute").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(select=select), params)


def read_minutes(*, since: datetime, counted_to: str) -> Iterable[tuple[datetime, int, int, int]]:
    """Return minute, delivered, tried again and failed for good, from `since` on; a minute may come in two parts.

    `counted_to`: the tally that says up to which attempt the minutes hold them. One query, whatever there is.
    """
    place = Coalesce(Subquery(Tally.objects.filter(name=counted_to).values("value")), 0)
    new = Attempt.objects.filter(pk__gt=place, pk__lte=place + Value(READ_AT_MOST), slot_at__gte=since)
    kept = AttemptMinute.objects.filter(minute__gte=since).order_by().values_list(*COLUMNS)
    return kept.union(_group(new), all=True)


def forget_minutes(now: datetime) -> None:
    """Remove what is older than anything shows."""
    AttemptMinute.objects.filter(minute__lt=now - KEPT).delete()


def _group(attempts: QuerySet[Attempt]) -> Any:
    closed = attempts.exclude(outcome__in=[Outcome.OPEN, Outcome.HANDED_BACK]).order_by()
    # In UTC: what the database writes into the column by itself must mean the same moment.
    minutes = closed.annotate(minute=TruncMinute("slot_at", tzinfo=UTC)).values("minute")
    ended = Q(succeeded=False, delivery__state=State.FAILED, delivery__attempts_made=F("number"))
    counts = {
        "delivered": Count("pk", filter=Q(succeeded=True)),
        "retried": Count("pk", filter=Q(succeeded=False) & ~ended),
        "failed": Count("pk", filter=ended),
    }
    return minutes.annotate(**counts).values_list(*COLUMNS)
