"""Whose turn it is: which webhooks have something due and how many of each may be started now.

Fair by construction: a claim visits many webhooks and takes few rows of each, and starts each time where the last one
ended. What one look costs does not grow with what waits: with little due it reads just that, with much due it steps
from webhook to webhook through the index, so many at a time.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from dispatch import clock
from dispatch.models import Attempt, Lane, Outcome

LANES_PER_CLAIM = 64
# Rows that are read to learn whether there is much due or little, and webhooks visited in one look when there is much.
LOOK_ROWS = 128
LOOK_WEBHOOKS = 128
# Counted from the last slot on: the receiver's clock of the window must not see us a moment too early.
SLOT_MARGIN = timedelta(milliseconds=50)
# A lane that has failed so often in a row is tried by one request at a time, until one succeeds.
FAILING_AFTER = 4

# `oldest`: what is due, oldest first, by the index delivery_due. Fewer than the limit: that is all of it, and webhooks
# whose rows wait for later are never read. `visited`: otherwise each step jumps to the next webhook that has anything
# waiting, whatever lies in between; a dead webhook's backlog is one step. Ordered by due_at as well, because only the
# index delivery_claim has that order.
LOOK = """
WITH RECURSIVE
moment(at) AS MATERIALIZED (SELECT {now}),
hurried(webhook_id) AS (
    SELECT DISTINCT webhook_id FROM dispatch_delivery
    WHERE state = 'waiting' AND urgent AND due_at <= (SELECT at FROM moment) LIMIT %s
),
oldest(webhook_id) AS MATERIALIZED (
    SELECT webhook_id FROM dispatch_delivery
    WHERE state = 'waiting' AND urgent = false AND due_at <= (SELECT at FROM moment) ORDER BY due_at LIMIT %s
),
visited(webhook_id, step) AS (
    SELECT (SELECT d.webhook_id FROM dispatch_delivery d
            WHERE d.state = 'waiting' AND d.webhook_id > %s ORDER BY d.webhook_id, d.due_at LIMIT 1), 1
    WHERE (SELECT COUNT(*) FROM oldest) >= %s
    UNION ALL
    SELECT (SELECT d.webhook_id FROM dispatch_delivery d
            WHERE d.state = 'waiting' AND d.webhook_id > visited.webhook_id
            ORDER BY d.webhook_id, d.due_at LIMIT 1), visited.step + 1
    FROM visited WHERE visited.webhook_id IS NOT NULL AND visited.step < %s
),
candidate(webhook_id) AS (
    SELECT DISTINCT webhook_id FROM oldest WHERE (SELECT COUNT(*) FROM oldest) < %s
    UNION ALL
    SELECT webhook_id FROM visited WHERE webhook_id IS NOT NULL
          AND (SELECT d.due_at FROM dispatch_delivery d
               WHERE d.webhook_id = visited.webhook_id AND d.state = 'waiting'
               ORDER BY d.due_at LIMIT 1) <= (SELECT at FROM moment)
)
SELECT 'moment', NULL, at FROM moment
UNION ALL
SELECT 'due', candidate.webhook_id, NULL
FROM candidate JOIN dispatch_lane lane ON lane.webhook_id = candidate.webhook_id
WHERE (lane.open_at IS NULL OR lane.open_at <= (SELECT at FROM moment))
  AND (SELECT COUNT(*) FROM dispatch_delivery d
       WHERE d.webhook_id = candidate.webhook_id AND d.lease_token IS NOT NULL
         AND d.due_at > (SELECT at FROM moment))
      < CASE WHEN lane.failures_in_row >= %s THEN 1 ELSE COALESCE(lane.in_flight_cap, %s) END
UNION ALL SELECT 'urgent', webhook_id, NULL FROM hurried
UNION ALL SELECT 'visited', MAX(webhook_id), NULL FROM visited HAVING COUNT(*) > 0
UNION ALL SELECT 'end', NULL, NULL FROM visited WHERE webhook_id IS NULL
"""


# The lanes are asked again with the lock: a record may have closed one since it was found (Retry-After).
LOCK = """
SELECT lane.webhook_id, lane.in_flight_cap, lane.failures_in_row, w.rate_limit_count, w.rate_limit_period_seconds
FROM dispatch_lane lane JOIN webhooks_webhook w ON w.id = lane.webhook_id
WHERE lane.webhook_id IN ({ids}) AND (lane.open_at IS NULL OR lane.open_at <= %s) {locks}
"""
_LOCKS = "FOR NO KEY UPDATE OF lane SKIP LOCKED"

# A minute after a large publication PostgreSQL's statistics still say that hardly anything waits, and by them it would
# sort all that is due in each look.
_OFF = ("enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_seqscan")
PLAN_BY_INDEX = "SELECT " + ", ".join(f"set_config('{name}', 'off', true)" for name in _OFF)
SLOW_LOOK_SECONDS = 0.02
DISTRUST_SECONDS = 60.0


class Misplanned:
    """After a slow look, claims walk the indexes for a while, whatever the statistics say."""

    def __init__(self) -> None:
        self.until = 0.0

    def note(self, seconds: float) -> None:
        if seconds > SLOW_LOOK_SECONDS and connection.vendor == "postgresql":
            self.until = time.monotonic() + DISTRUST_SECONDS


_misplanned = Misplanned()


@dataclass(slots=True)
class Look:
    """What one look found. `last`: where the next one goes on, 0 for the beginning. `all_seen`: no webhook with
    anything due was left out."""

    now: datetime
    urgent: list[int] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    last: int = 0
    all_seen: bool = True


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` requests in any window of `period_seconds`."""

    count: int
    period_seconds: int


@dataclass(slots=True)
class LockedLane:
    """A lane that this claim has locked: how many of its webhook may be in flight, and how many may start now."""

    webhook_id: int
    cap: int
    slots: int
    failing: bool = False
    rate: RateLimit | None = None


def look_for_due(*, after: int, limit: int) -> Look:
    """Return the webhooks with something due that may be called now, the next ones after `after`.

    No more than `limit`: one that is found and then gets no row would be passed over, turn after turn. One statement.
    """
    wanted = min(LANES_PER_CLAIM, limit)
    moment, moment_params = clock.sql_now()
    looked_at = clock.now() if connection.vendor != "postgresql" else None
    caps = [FAILING_AFTER, settings.PORTAL_DISPATCH_LANE_CAP]
    begun = time.monotonic()
    with connection.cursor() as cursor:
        if begun < _misplanned.until:
            cursor.execute(PLAN_BY_INDEX)
        steps = [wanted, LOOK_ROWS, after, LOOK_ROWS, LOOK_WEBHOOKS, LOOK_ROWS]
        cursor.execute(LOOK.format(now=moment), [*moment_params, *steps, *caps])
        rows = cursor.fetchall()
    _misplanned.note(time.monotonic() - begun)
    found: dict[str, list[int]] = {}
    for kind, webhook_id, at in rows:
        found.setdefault(kind, []).append(webhook_id)
        if kind == "moment":
            looked_at = looked_at or at
    assert looked_at is not None
    look = Look(looked_at, urgent=found.get("urgent", []))
    _choose(look, found, after=after, wanted=wanted)
    return look


def _choose(look: Look, found: dict[str, list[int]], *, after: int, wanted: int) -> None:
    due = sorted(found.get("due", []), key=lambda webhook_id: (webhook_id <= after, webhook_id))
    look.due = due[:wanted]
    if len(due) > wanted:
        look.last, look.all_seen = look.due[-1], False
    elif "visited" in found:
        look.last = 0 if "end" in found else found["visited"][0]
        look.all_seen = after == 0 and look.last == 0


def lock_lanes(webhook_ids: Collection[int], now: datetime) -> tuple[list[LockedLane], bool]:
    """Lock those of the lanes that no other claim holds; return them in the order asked for, and
    whether some were passed over because another claim had them.

    A limited lane without a free slot is closed until it has one. Belongs in the claim's transaction. On SQLite the
    transaction itself is the lock.
    """
    moment = connection.ops.adapt_datetimefield_value(now)
    names = ", ".join(["%s"] * len(webhook_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            LOCK.format(ids=names, locks=_LOCKS if connection.vendor == "postgresql" else ""), [*webhook_ids, moment]
        )
        locked = [_lane(*row) for row in cursor.fetchall()]
    for lane in locked:
        if lane.rate:
            _book(lane, lane.rate, now)
    place = {webhook_id: index for index, webhook_id in enumerate(webhook_ids)}
    usable = sorted((lane for lane in locked if lane.slots > 0), key=lambda lane: place[lane.webhook_id])
    return usable, len(locked) < len(place)


def _lane(webhook_id: int, cap: int | None, failures: int, *limit: int | None) -> LockedLane:
    failing, (count, period) = failures >= FAILING_AFTER, limit
    rate = RateLimit(count, period) if count and period else None
    cap = 1 if failing else cap or settings.PORTAL_DISPATCH_LANE_CAP
    return LockedLane(webhook_id, cap, cap, failing, rate)


def _book(lane: LockedLane, rate: RateLimit, now: datetime) -> None:
    free = count_free_slots(lane.webhook_id, rate, now)
    if free <= 0:
        # Ours to change: it is locked. Another claim's lane would make two claims wait for each other.
        close_lane_until(lane.webhook_id, rate, now)
    lane.slots = min(lane.slots, free)


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


def share(ranked: Iterable[tuple[int, LockedLane]], *, limit: int, room: int, failing_room: int) -> list[int]:
    """Return the places (indexes) of those picked rows that this claim takes, at most `limit`.

    `ranked` names each picked row's rank within its lane, and the lane: every lane gets one row before any gets a
    second. No more than `room` are taken of lanes with a rate limit, and `failing_room` of lanes that keep failing.
    """
    rows = sorted(enumerate(ranked), key=lambda row: row[1][0])
    taken: list[int] = []
    for place, (_rank, lane) in rows:
        if len(taken) == limit:
            break
        if (lane.rate and not room) or (lane.failing and not failing_room):
            continue
        room -= lane.rate is not None
        failing_room -= lane.failing
        taken.append(place)
    return sorted(taken)
