"""A look at the sending itself, for the operators: is anybody at work, and does anything wait that could go out?"""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, Subquery

from dispatch import clock
from dispatch.backlog import oldest_due_at
from dispatch.beats import SILENT_AFTER, last_beat_at
from dispatch.models import Attempt, Delivery, Lane
from dispatch.notice_kinds import DELIVERIES_LATE, DISPATCHER_SILENT
from notices.incidents import note_calm, note_trouble

LATE_AFTER = timedelta(minutes=5)


def watch() -> None:
    """Look once, and tell the operators what began or is over. Safe to run twice and at once, and to be cut off."""
    now = clock.now()
    _note(DISPATCHER_SILENT, find_silence(now), now)
    _note(DELIVERIES_LATE, find_oldest_neglected(now, now - LATE_AFTER), now)


def _note(kind: str, since: datetime | None, now: datetime) -> None:
    if since is None:
        note_calm(kind, now=now)
    else:
        note_trouble(kind, now=now, values={"since": since.isoformat()})


def find_silence(now: datetime) -> datetime | None:
    """Return since when nobody sends; None while somebody does, or where nothing was ever to be sent.

    A process that dies leaves its last beat behind. One that stops in good order takes it away: then it counts that
    something waits that nobody takes.
    """
    beat_at, limit = last_beat_at(), now - SILENT_AFTER
    if beat_at is not None:
        return beat_at if beat_at <= limit else None
    return find_oldest_neglected(now, limit)


def find_oldest_neglected(now: datetime, limit: datetime) -> datetime | None:
    """Return since when the oldest delivery is due that could have gone out before `limit`; None when there is none.

    A webhook that was tried since then is served, however slowly: its receiver, its rate limit or its share of what
    may be in flight holds it up. So is one that asked to be left alone (Retry-After).
    """
    oldest = oldest_due_at(now)
    if oldest is None or oldest > limit:
        return None
    waiting = Delivery.objects.waiting().filter(webhook=OuterRef("webhook"), due_at__lte=now).order_by("due_at")
    tried = Attempt.objects.filter(webhook=OuterRef("webhook"), slot_at__gt=limit)
    # By the index of the claims: one look per lane, whatever waits behind it.
    lanes = Lane.objects.filter(Q(open_at__isnull=True) | Q(open_at__lte=limit))
    late = lanes.annotate(oldest=Subquery(waiting.values("due_at")[:1])).filter(oldest__lte=limit)
    found: datetime | None = late.exclude(Exists(tried)).order_by("oldest").values_list("oldest", flat=True).first()
    return found
