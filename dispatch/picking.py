"""Picking: which due rows a claim takes, in which order, locked against every other claim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from dispatch.lanes import Turn
from dispatch.models import Delivery, Event

# A delivery's next state and the reason for it.
End = tuple[str, str]

PICK_COLUMNS = (
    "id",
    "uuid",
    "webhook_id",
    "event_id",
    "cause",
    "urgent",
    "lease_token",
    "attempts_made",
    "counted_attempts",
    "unknown_in_row",
    "body",
    "body_format",
    "content_type",
)

PICK_BY_LATERAL = """
SELECT d.id FROM unnest(%s::bigint[], %s::int[]) AS turn(webhook_id, quota)
CROSS JOIN LATERAL (
    SELECT w.id FROM dispatch_delivery w
    WHERE w.webhook_id = turn.webhook_id AND w.state = 'waiting' AND w.due_at <= %s {urgency}
    ORDER BY w.due_at, w.id LIMIT turn.quota
    FOR NO KEY UPDATE SKIP LOCKED
) AS d
"""

PICK_ONE_LANE = """
SELECT w.id FROM dispatch_delivery w
WHERE w.webhook_id = %s AND w.state = 'waiting' AND w.due_at <= %s {urgency}
ORDER BY w.due_at, w.id LIMIT %s
"""


@dataclass(slots=True)
class Row:
    """A picked delivery while the claim works on it. `end`: it is not sent, but goes to this state."""

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
    event: Event | None = None
    end: End | None = None
    diagnosis: str = ""
    left: bool = False
    subscribed: bool = False


def pick(turns: Sequence[Turn], urgent: Iterable[int], now: datetime) -> list[Row]:
    """Return due rows of the webhooks whose turn it is: at most their quotas, urgent ones first. Locks them."""
    quotas = {turn.webhook_id: turn.quota for turn in turns}
    picked: list[int] = []
    hurried = {key: quotas[key] for key in urgent if key in quotas}
    if hurried:
        found = _pick_ids(hurried, "AND w.urgent", now)
        picked += found
        for webhook_id in Delivery.objects.filter(pk__in=found).values_list("webhook", flat=True):
            quotas[webhook_id] -= 1
    picked += _pick_ids({key: quota for key, quota in quotas.items() if quota}, "AND NOT w.urgent", now)
    place = {delivery_id: index for index, delivery_id in enumerate(picked)}
    rows = [Row(*values) for values in Delivery.objects.filter(pk__in=picked).values_list(*PICK_COLUMNS)]
    return sorted(rows, key=lambda row: place[row.id])


def _pick_ids(quotas: dict[int, int], urgency: str, now: datetime) -> list[int]:
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = PICK_BY_LATERAL.format(urgency=urgency)
            cursor.execute(sql, [list(quotas), list(quotas.values()), moment])
            return [delivery_id for (delivery_id,) in cursor.fetchall()]
        found: list[int] = []
        for webhook_id, quota in quotas.items():
            cursor.execute(PICK_ONE_LANE.format(urgency=urgency), [webhook_id, moment, quota])
            found += [delivery_id for (delivery_id,) in cursor.fetchall()]
        return found
