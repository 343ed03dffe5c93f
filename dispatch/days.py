"""Attempts by webhook and day: counted by the job that counts the totals, read together with what came since.

A list of webhooks draws fourteen days of each; counted from the attempts, a busy webhook's would take seconds.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from dispatch.models import Attempt, Mode, Outcome, Tally, WebhookDay

# What may have reached the receiver, or should have: a lost or handed back attempt says nothing about the receiver.
TRIED = (Outcome.ANSWERED, Outcome.NO_ANSWER, Outcome.NOT_SENT)
# Ids grow with time but for the moments in which transactions overlap.
OVERLAP = timedelta(minutes=5)
# The name of a tally without a value: its time is what counts.
COUNTED_UNTIL = "attempts.counted_until"
COLUMNS = ("webhook_id", "day", "delivered", "failed")

ADD = """
INSERT INTO dispatch_webhookday (webhook_id, day, delivered, failed) {select}
ON CONFLICT (webhook_id, day) DO UPDATE SET delivered = dispatch_webhookday.delivered + excluded.delivered,
    failed = dispatch_webhookday.failed + excluded.failed
"""


def add_to_days(attempts: QuerySet[Attempt]) -> None:
    """Add closed attempts that no day holds yet. Belongs in the transaction that has the tallies locked."""
    select, params = _group(attempts).order_by(*COLUMNS[:2]).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(select=select), params)


def read_days(
    webhook_ids: Collection[int], *, first: date, since: datetime, counted_to: str
) -> Iterable[tuple[int, date, int, int]]:
    """Return webhook id, day, delivered and failed from the day `first` on, which begins at `since`; a day may come in
    two parts. `counted_to`: the tally that says up to which attempt the days hold them. One query.
    """
    kept = WebhookDay.objects.filter(webhook__in=webhook_ids, day__gte=first).order_by().values_list(*COLUMNS)
    return kept.union(_group(_not_counted(webhook_ids, since, counted_to)), all=True)


def read_totals(webhook_ids: Collection[int], *, first: date, since: datetime, counted_to: str) -> tuple[int, int]:
    """Return delivered and failed of all these webhooks and days together. Arguments as for `read_days`. One query."""
    kept = WebhookDay.objects.filter(webhook__in=webhook_ids, day__gte=first).order_by()
    summed = kept.annotate(part=Value("kept")).values("part").annotate(d=Sum("delivered"), f=Sum("failed"))
    new = _live(_not_counted(webhook_ids, since, counted_to)).annotate(part=Value("new")).values("part")
    parts = summed.values_list("d", "f").union(new.annotate(**_COUNTS).values_list("delivered", "failed"), all=True)
    # A sum over nothing is null.
    found = [(delivered or 0, failed or 0) for delivered, failed in parts]
    return sum(delivered for delivered, _failed in found), sum(failed for _delivered, failed in found)


def _not_counted(webhook_ids: Collection[int], since: datetime, counted_to: str) -> QuerySet[Attempt]:
    place = Tally.objects.filter(name=counted_to)
    return Attempt.objects.filter(
        webhook__in=webhook_ids,
        slot_at__gte=since,
        pk__gt=Coalesce(Subquery(place.values("value")), 0),
        # Only to be quick: all that began earlier is counted.
        slot_at__gt=Coalesce(Subquery(Tally.objects.filter(name=COUNTED_UNTIL).values("at")), since - OVERLAP),
    )


def note_moment(counted_to: int) -> None:
    """Note until when all attempts are counted, the last of which has this id. For the transaction that counts them."""
    last = Attempt.objects.filter(pk=counted_to).values_list("slot_at", flat=True).first()
    if last is not None:
        Tally.objects.update_or_create(name=COUNTED_UNTIL, defaults={"at": last - OVERLAP})


def forget_days(*, before: date) -> None:
    """Remove what was counted of days that are older than what lists show and notifications are kept."""
    WebhookDay.objects.filter(day__lt=before).delete()


def _group(attempts: QuerySet[Attempt]) -> Any:
    days = _live(attempts).annotate(day=TruncDate("slot_at")).values("webhook_id", "day")
    return days.annotate(**_COUNTS).values_list(*COLUMNS)


def _live(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    return attempts.filter(outcome__in=TRIED, delivery__event__mode=Mode.LIVE).order_by()


_SUCCEEDED = Q(succeeded=True)
_COUNTS = {"delivered": Count("pk", filter=_SUCCEEDED), "failed": Count("pk", filter=~_SUCCEEDED)}
