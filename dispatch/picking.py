"""Picking: which due rows a claim takes, in which order, locked against every other claim, and all that is known of
each. On PostgreSQL one statement for all lanes, and one more when something urgent waits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.dateparse import parse_datetime

from dispatch.lanes import LockedLane, share

# A delivery's next state and the reason for it.
End = tuple[str, str]

DELIVERY_COLUMNS = (
    "id, uuid, webhook_id, event_id, cause, urgent, lease_token, attempts_made, counted_attempts, unknown_in_row, "
    "body, body_format, content_type, batch_id, repeat_due"
)

# The row's own columns come out of the locked subquery: one that changed while we waited for it is seen as it now is.
# What is leased is counted after the lanes were locked, in this statement's own snapshot.
PICKED_BY_LATERAL = f"""
WITH picked AS MATERIALIZED (
    SELECT d.* FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS turn(webhook_id, cap, slots)
    CROSS JOIN LATERAL (
        SELECT {DELIVERY_COLUMNS}, due_at FROM dispatch_delivery w
        WHERE w.webhook_id = turn.webhook_id AND w.state = 'waiting' AND w.due_at <= %s AND w.urgent = %s
        ORDER BY w.due_at, w.id
        LIMIT GREATEST(0, LEAST(turn.slots, turn.cap - (SELECT COUNT(*) FROM dispatch_delivery l
              WHERE l.webhook_id = turn.webhook_id AND l.lease_token IS NOT NULL AND l.due_at > %s)))
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS d
)
"""  # noqa: S608 (names of columns only)

PICKED_OF_ONE = f"""
WITH picked AS (
    SELECT {DELIVERY_COLUMNS}, due_at FROM dispatch_delivery w
    WHERE w.webhook_id = %s AND w.state = 'waiting' AND w.due_at <= %s AND w.urgent = %s
    ORDER BY w.due_at, w.id
    LIMIT MAX(0, MIN(%s, %s - (SELECT COUNT(*) FROM dispatch_delivery l
          WHERE l.webhook_id = %s AND l.lease_token IS NOT NULL AND l.due_at > %s)))
)
"""  # noqa: S608 (names of columns only)

# Moments as numbers: Django reads a moment of PostgreSQL in Python, at the price of a signature.
OCCURRED_AT = {"postgresql": "extract(epoch FROM event.occurred_at)::float8", "sqlite": "event.occurred_at"}
DETAILS = """
SELECT picked.id, picked.uuid, picked.webhook_id, picked.event_id, picked.cause, picked.urgent, picked.lease_token,
       picked.attempts_made, picked.counted_attempts, picked.unknown_in_row, picked.body, picked.body_format,
       picked.content_type,
       event.uuid, event.type, {occurred_at}, CASE WHEN picked.body IS NULL THEN event.payload END,
       publication.uuid, publication.withdrawn_at IS NOT NULL,
       EXISTS (SELECT 1 FROM webhooks_productsubscription subscription
               WHERE subscription.webhook_id = picked.webhook_id AND subscription.product_id = publication.product_id),
       webhook.current_version_id,
       webhook.active AND webhook.stopped_at IS NULL AND webhook.archived_at IS NULL
           AND participant.blocked_at IS NULL,
       batch.stopped_at IS NOT NULL, picked.repeat_due
FROM picked
JOIN dispatch_event event ON event.id = picked.event_id
JOIN webhooks_webhook webhook ON webhook.id = picked.webhook_id
JOIN access_participant participant ON participant.id = webhook.participant_id
LEFT JOIN catalog_publication publication ON publication.id = event.publication_id
LEFT JOIN dispatch_sendbatch batch ON batch.id = picked.batch_id
ORDER BY picked.due_at, picked.id
"""


@dataclass(slots=True)
class Row:
    """A picked delivery while the claim works on it, with what it needs of its event and its webhook.

    `payload` is there only while the body is not. `end`: it is not sent, but goes to this state.
    """

    id: int
    uuid: UUID
    webhook_id: int
    event_id: int
    cause: str
    urgent: bool
    lease_token: UUID | None
    attempts_made: int
    counted_attempts: int
    unknown_in_row: int
    body: bytes | None
    body_format: str
    content_type: str
    event_uuid: UUID
    event_type: str
    occurred_at: datetime
    payload: str
    publication_uuid: UUID | None
    withdrawn: bool
    subscribed: bool
    version_id: int | None
    callable: bool
    batch_stopped: bool
    repeat_due: bool
    rendered: bool = False
    end: End | None = None
    diagnosis: str = ""
    left: bool = False


def pick(
    lanes: Sequence[LockedLane], urgent: Iterable[int], *, limit: int, room: int, failing_room: int, now: datetime
) -> tuple[list[Row], bool]:
    """Return due rows of the locked lanes, at most `limit`, the urgent ones first, and whether more would have been
    taken without that limit. Locks them.

    `room` and `failing_room`: see `lanes.share`.
    """
    by_webhook = {lane.webhook_id: lane for lane in lanes}
    hurried = [by_webhook[webhook_id] for webhook_id in urgent if webhook_id in by_webhook]
    rows = _pick(hurried, True, now) if hurried else []
    for row in rows:
        by_webhook[row.webhook_id].cap -= 1
        by_webhook[row.webhook_id].slots -= 1
    rows += _pick([lane for lane in lanes if lane.slots > 0], False, now)
    ranked, ranks = [], defaultdict[int, int](int)
    for row in rows:
        # Urgent rows go before every other lane's first.
        ranked.append((0 if row.urgent else ranks[row.webhook_id] + 1, by_webhook[row.webhook_id]))
        ranks[row.webhook_id] += not row.urgent
    taken = share(ranked, limit=limit, room=room, failing_room=failing_room)
    return [rows[place] for place in taken], len(taken) == limit and len(rows) > limit


def _pick(lanes: Sequence[LockedLane], urgent: bool, now: datetime) -> list[Row]:
    if not lanes:
        return []
    moment = connection.ops.adapt_datetimefield_value(now)
    details = DETAILS.format(occurred_at=OCCURRED_AT[connection.vendor])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            turns = [[lane.webhook_id for lane in lanes], [lane.cap for lane in lanes], [lane.slots for lane in lanes]]
            cursor.execute(PICKED_BY_LATERAL + details, [*turns, moment, urgent, moment])
            return [_from_postgresql(*values) for values in cursor.fetchall()]
        rows: list[Row] = []
        for lane in lanes:
            params = [lane.webhook_id, moment, urgent, lane.slots, lane.cap, lane.webhook_id, moment]
            cursor.execute(PICKED_OF_ONE + details, params)
            rows += [_from_sqlite(*values) for values in cursor.fetchall()]
        return rows


def _from_postgresql(*values: Any) -> Row:
    row = Row(*values)
    row.occurred_at = datetime.fromtimestamp(values[15], UTC)
    return row


def _from_sqlite(*values: Any) -> Row:
    """SQLite has neither UUIDs nor moments nor booleans: they come as texts and numbers."""
    row = Row(*values)
    row.uuid, row.event_uuid = UUID(values[1]), UUID(values[13])
    row.lease_token = row.lease_token and UUID(str(row.lease_token))
    row.publication_uuid = row.publication_uuid and UUID(str(row.publication_uuid))
    occurred_at = parse_datetime(str(row.occurred_at))
    assert occurred_at is not None
    row.occurred_at = occurred_at if occurred_at.tzinfo else occurred_at.replace(tzinfo=UTC)
    row.urgent, row.withdrawn, row.subscribed = bool(row.urgent), bool(row.withdrawn), bool(row.subscribed)
    row.callable, row.batch_stopped = bool(row.callable), bool(row.batch_stopped)
    row.repeat_due = bool(row.repeat_due)
    return row
