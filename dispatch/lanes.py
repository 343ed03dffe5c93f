"""Whose turn it is: which webhooks have something due and how many of each may be started now.

Fair by construction: a claim visits many webhooks and takes few rows of each, and starts each time where the last one
ended. A dead webhook's backlog is skipped by the index, it is never read.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q

from dispatch.models import Attempt, Delivery, Lane, Outcome
from webhooks.models import Webhook

LANES_PER_CLAIM = 64
# Counted from the last slot on: the receiver's clock of the window must not see us a moment too early.
SLOT_MARGIN = timedelta(milliseconds=50)

# Each step of the recursion jumps to the next webhook that has anything waiting, whatever lies in between. Ordered by
# due_at as well, because only the index delivery_claim has that order: by the foreign key's own index PostgreSQL would
# read every delivery that a webhook ever had.
DUE_WEBHOOKS = """
WITH RECURSIVE waiting(webhook_id) AS (
    SELECT (SELECT d.webhook_id FROM dispatch_delivery d
            WHERE d.state = 'waiting' AND d.webhook_id > %(after)s ORDER BY d.webhook_id, d.due_at LIMIT 1)
    UNION ALL
    SELECT (SELECT d.webhook_id FROM dispatch_delivery d
            WHERE d.state = 'waiting' AND d.webhook_id > waiting.webhook_id ORDER BY d.webhook_id, d.due_at LIMIT 1)
    FROM waiting WHERE waiting.webhook_id IS NOT NULL
)
SELECT waiting.webhook_id
FROM waiting JOIN dispatch_lane lane ON lane.webhook_id = waiting.webhook_id
WHERE (SELECT d.due_at FROM dispatch_delivery d
       WHERE d.webhook_id = waiting.webhook_id AND d.state = 'waiting' ORDER BY d.due_at LIMIT 1) <= %(now)s
  AND (lane.open_at IS NULL OR lane.open_at <= %(now)s)
  AND (SELECT COUNT(*) FROM dispatch_delivery d
       WHERE d.webhook_id = waiting.webhook_id AND d.lease_token IS NOT NULL AND d.due_at > %(now)s)
      < COALESCE(lane.in_flight_cap, %(cap)s)
LIMIT %(limit)s
"""

URGENT_WEBHOOKS = """
SELECT DISTINCT d.webhook_id
FROM dispatch_delivery d JOIN dispatch_lane lane ON lane.webhook_id = d.webhook_id
WHERE d.state = 'waiting' AND d.urgent AND d.due_at <= %(now)s AND (lane.open_at IS NULL OR lane.open_at <= %(now)s)
LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Turn:
    """A locked lane's share in this claim: at most `quota` rows of the webhook."""

    webhook_id: int
    quota: int


@dataclass(frozen=True)
class RateLimit:
    """At most `count` requests in any window of `period_seconds`."""

    count: int
    period_seconds: int


def find_due_webhooks(now: datetime, *, after: int, limit: int) -> tuple[list[int], list[int]]:
    """Return (urgent, due): ids of webhooks with something due that may be called now, the next ones after `after`.

    No more than `limit` each: one that is found and then gets no row would be passed over, turn after turn.
    """
    wanted = min(LANES_PER_CLAIM, limit)
    values = {"now": _moment(now), "cap": settings.PORTAL_DISPATCH_LANE_CAP, "limit": wanted}
    with connection.cursor() as cursor:
        cursor.execute(URGENT_WEBHOOKS, values)
        urgent = [webhook_id for (webhook_id,) in cursor.fetchall()]
        cursor.execute(DUE_WEBHOOKS, {**values, "after": after})
        due = [webhook_id for (webhook_id,) in cursor.fetchall()]
        if len(due) < wanted and after:
            cursor.execute(DUE_WEBHOOKS, {**values, "after": 0})
            due += [webhook_id for (webhook_id,) in cursor.fetchall() if webhook_id <= after]
    return urgent, due[:wanted]


def take_turns(
    webhook_ids: Iterable[int], *, limit: int, limits: dict[int, RateLimit], room: int, now: datetime
) -> list[Turn]:
    """Lock the lanes that no other claim holds, and share `limit` rows between them, equally; `room` of these at most
    for webhooks with a rate limit. A limited lane without a free slot is closed until it has one.

    Belongs in the claim's transaction. On SQLite the transaction itself is the lock.
    """
    lanes = _lock(webhook_ids, now)
    # Counted after the locks are held: what another claim has just leased counts against the cap.
    leased = _count_leased(lanes, now)
    quotas = {
        webhook_id: min((cap or settings.PORTAL_DISPATCH_LANE_CAP) - leased.get(webhook_id, 0), limit)
        for webhook_id, cap in lanes.items()
    }
    for webhook_id in quotas.keys() & limits.keys():
        free = count_free_slots(webhook_id, limits[webhook_id], now)
        if free <= 0:
            # Ours to change: it is locked. Another claim's lane would make two claims wait for each other.
            close_lane_until(webhook_id, limits[webhook_id], now)
        quotas[webhook_id] = min(quotas[webhook_id], free)
    wanted = {key: quotas[key] for key in webhook_ids if quotas.get(key, 0) > 0}
    return _share(wanted, limit, limited=limits.keys(), room=room)


def count_free_slots(webhook_id: int, rate: RateLimit, now: datetime) -> int:
    """Return how many requests may start at `now` so that no window of the period holds more than the limit.

    Every attempt that may have reached the receiver counts, from its start on our side (CERC-15).
    """
    since = now - timedelta(seconds=rate.period_seconds) - SLOT_MARGIN
    started = Attempt.objects.filter(webhook=webhook_id, slot_at__gt=since).exclude(outcome=Outcome.HANDED_BACK)
    return rate.count - started[: rate.count].count()


def close_lane_until(webhook_id: int, rate: RateLimit, now: datetime) -> None:
    """Keep the lane of a webhook whose slots are all taken out of the claims until the oldest one falls free."""
    slots = (
        Attempt.objects.filter(webhook=webhook_id)
        .exclude(outcome=Outcome.HANDED_BACK)
        .order_by("-slot_at")
        .values_list("slot_at", flat=True)
    )
    if nth_last := slots[rate.count - 1 : rate.count].first():
        opens = nth_last + timedelta(seconds=rate.period_seconds) + SLOT_MARGIN
        if opens > now:
            Lane.objects.filter(webhook=webhook_id).update(open_at=opens)


def _lock(webhook_ids: Iterable[int], now: datetime) -> dict[int, int | None]:
    # Asked again with the lock: a record may have closed the lane since it was found (Retry-After).
    still_open = Q(open_at__isnull=True) | Q(open_at__lte=now)
    lanes = Lane.objects.filter(still_open, webhook__in=list(webhook_ids))
    locked = lanes.select_for_update(skip_locked=True, no_key=True)
    return dict(locked.values_list("webhook_id", "in_flight_cap"))


def _count_leased(webhook_ids: Iterable[int], now: datetime) -> dict[int, int]:
    leased = Delivery.objects.filter(webhook__in=list(webhook_ids), lease_token__isnull=False, due_at__gt=now)
    return dict(leased.order_by().values("webhook").annotate(leased=Count("pk")).values_list("webhook", "leased"))


def _share(quotas: dict[int, int], limit: int, *, limited: Collection[int] = (), room: int = 0) -> list[Turn]:
    """Give every lane one row, then every lane with room a second one, and so on until `limit` is used up."""
    shares = dict.fromkeys(quotas, 0)
    open_lanes = list(quotas)
    while open_lanes and limit > 0:
        for webhook_id in open_lanes:
            if webhook_id in limited:
                if not room:
                    quotas[webhook_id] = shares[webhook_id]
                    continue
                room -= 1
            shares[webhook_id] += 1
            limit -= 1
            if not limit:
                break
        open_lanes = [webhook_id for webhook_id in open_lanes if shares[webhook_id] < quotas[webhook_id]]
    return [Turn(webhook_id, share) for webhook_id, share in shares.items() if share]


def _moment(moment: datetime) -> datetime | str | None:
    return connection.ops.adapt_datetimefield_value(moment)


def rate_limits(webhook_ids: Iterable[int]) -> dict[int, RateLimit]:
    """Return the limits of those webhooks that have one."""
    limited = Webhook.objects.filter(pk__in=list(webhook_ids), rate_limit_count__isnull=False)
    return {
        webhook_id: RateLimit(count, period)
        for webhook_id, count, period in limited.values_list("pk", "rate_limit_count", "rate_limit_period_seconds")
        if count and period
    }
