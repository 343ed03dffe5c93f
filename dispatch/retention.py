"""What is removed once it is old: bodies first, then deliveries with their attempts, then events that nothing needs.

By the order of ids, which is the order of creation: a run reads on where the one before stopped and ends at the first
row that is too young, so it needs no index of its own and never reads the whole table. What a pass left (a delivery
still open, or the last one of a product) is looked at again a day later. Each chunk is a short transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from dispatch import clock, tallies
from dispatch.days import forget_days
from dispatch.minutes import forget_minutes
from dispatch.models import Attempt, Delivery, Event, Mode, ProductStatus, SendBatch, Tally
from dispatch.models.deliveries import FINAL_STATES

CHUNK = 1_000
# At most so many rows of a table are looked at in one run; a run a minute keeps up with 20 million a day.
CHUNKS_PER_RUN = 20
AGAIN_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Pass:
    """One kind of row that goes when it is old. `remove` takes ids that are old enough and returns how many went.
    `again`: what was left is looked at once more each day."""

    name: str
    model: Any
    born: str
    days: str
    remove: Callable[[Sequence[int], datetime], int]
    count: Callable[[datetime], int]
    again: bool = True

    def cutoff(self, now: datetime) -> datetime:
        return now - timedelta(days=getattr(settings, self.days))


@dataclass(frozen=True)
class Purged:
    """How many rows went, by kind, and whether there is more to look at now."""

    removed: dict[str, int]
    unfinished: bool


def purge() -> Purged:
    """Remove what is too old; looks at CHUNKS_PER_RUN chunks of each kind at most.

    Safe to run twice and at once, and to be killed at any line: the next run goes on.
    """
    now = clock.now()
    done = {each.name: _walk(each, now) for each in PASSES}
    batches = _remove_batches(now)
    forget_minutes(now)
    forget_days(before=timezone.localdate(now) - timedelta(days=settings.PORTAL_KEEP_DELIVERIES_DAYS))
    removed = {name: count for name, (count, _unfinished) in done.items()} | {"batches": batches}
    return Purged(removed, batches == CHUNK or any(unfinished for _count, unfinished in done.values()))


def count_old() -> dict[str, int]:
    """Return how many rows of each kind would go, were it all done at once. Reads the tables."""
    now = clock.now()
    return {each.name: each.count(each.cutoff(now)) for each in PASSES} | {"batches": _old_batches(now).count()}


def _walk(each: Pass, now: datetime) -> tuple[int, bool]:
    removed, cutoff = 0, each.cutoff(now)
    for _turn in range(CHUNKS_PER_RUN):
        with transaction.atomic():
            place = _place(each, now)
            rows = each.model.objects.filter(pk__gt=place.value).order_by("pk").values_list("pk", each.born)
            old = [pk for pk, _born in takewhile(lambda row: row[1] < cutoff, rows[:CHUNK])]
            if old:
                removed += each.remove(old, cutoff)
                Tally.objects.filter(pk=place.pk).update(value=old[-1])
        if len(old) < CHUNK:
            return removed, False
    return removed, True


def _place(each: Pass, now: datetime) -> Tally:
    """Lock and return how far the pass has come; once a day it starts again, for what it has left."""
    place = tallies.lock(f"purge:{each.name}")
    if each.again and (place.at is None or not now - AGAIN_AFTER < place.at <= now):
        place.value, place.at = 0, now
        place.save(update_fields=["value", "at"])
    return place


def _remove_bodies(ids: Sequence[int], cutoff: datetime) -> int:
    # One still open keeps its body, which its next attempt sends; that goes with the row itself.
    return Delivery.objects.filter(pk__in=ids, state__in=FINAL_STATES, body__isnull=False).update(body=None)


def _remove_answers(ids: Sequence[int], cutoff: datetime) -> int:
    """What a receiver answered may hold people's data as what it was sent does, and goes as early."""
    return Attempt.objects.filter(pk__in=ids).exclude(response_body="").update(response_body="")


def _remove_deliveries(ids: Sequence[int], cutoff: datetime) -> int:
    # Locked before it is asked what points to them: a status may be falling back to one of them at this moment.
    rows = _ended(cutoff).filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True)
    locked = list(rows.values_list("pk", flat=True))
    kept = set(ProductStatus.objects.filter(delivery__in=locked).values_list("delivery", flat=True))
    going = [pk for pk in locked if pk not in kept]
    if not going:
        return 0
    tallies.count_removed(going)
    _delete(Attempt.objects.filter(delivery__in=going))
    return _delete(Delivery.objects.filter(pk__in=going))


def _remove_events(ids: Sequence[int], cutoff: datetime) -> int:
    rows = _unneeded(cutoff).filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True, of=("self",))
    locked = list(rows.values_list("pk", flat=True))
    return _delete(Event.objects.filter(pk__in=locked)) if locked else 0


def _remove_batches(now: datetime) -> int:
    with transaction.atomic():
        ids = list(_old_batches(now).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        return _delete(SendBatch.objects.filter(pk__in=ids)) if ids else 0


def _ended(cutoff: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state__in=FINAL_STATES, finished_at__lt=cutoff)


def _unneeded(cutoff: datetime) -> QuerySet[Event]:
    """Old events without deliveries. A publication's own event stays with it: Enviar sends it again (ONS-11)."""
    told = Delivery.objects.filter(event=OuterRef("pk"))
    own = Q(publication__isnull=False, mode=Mode.LIVE)
    return Event.objects.filter(~own, ~Exists(told), recorded_at__lt=cutoff)


def _old_batches(now: datetime) -> QuerySet[SendBatch]:
    cutoff = now - timedelta(days=settings.PORTAL_KEEP_DELIVERIES_DAYS)
    return SendBatch.objects.filter(~Exists(Delivery.objects.filter(batch=OuterRef("pk"))), created_at__lt=cutoff)


def _delete(rows: QuerySet) -> int:
    """Delete as it stands: Django would first load every row, bodies included, and what may point to it. The database
    refuses the deletion of what is still pointed to."""
    return int(rows._raw_delete(connection.alias))  # noqa: SLF001


def _count_deliveries(cutoff: datetime) -> int:
    return _ended(cutoff).exclude(pk__in=ProductStatus.objects.values("delivery")).count()


def _count_bodies(cutoff: datetime) -> int:
    return Delivery.objects.filter(state__in=FINAL_STATES, created_at__lt=cutoff, body__isnull=False).count()


def _count_answers(cutoff: datetime) -> int:
    return Attempt.objects.filter(slot_at__lt=cutoff).exclude(response_body="").count()


def _count_events(cutoff: datetime) -> int:
    return _unneeded(cutoff).count()


_BODIES, _ROWS = "PORTAL_KEEP_BODIES_DAYS", "PORTAL_KEEP_DELIVERIES_DAYS"
PASSES = (
    # Looked at once: all that is younger than the rows themselves would be too much to read each day.
    Pass("bodies", Delivery, "created_at", _BODIES, _remove_bodies, _count_bodies, again=False),
    Pass("answers", Attempt, "slot_at", _BODIES, _remove_answers, _count_answers, again=False),
    Pass("deliveries", Delivery, "created_at", _ROWS, _remove_deliveries, _count_deliveries),
    Pass("events", Event, "recorded_at", _ROWS, _remove_events, _count_events),
)
KINDS = (*(each.name for each in PASSES), "batches")
