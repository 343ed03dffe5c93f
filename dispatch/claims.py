"""Claiming: one short transaction that takes due deliveries, leases them, renders missing bodies and writes the
attempts down before anything is sent (delivery.md, "Claiming")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection, transaction

from dispatch import bulk, clock, lanes, statuses
from dispatch.models import Attempt, Delivery, Event, Outcome, Reason, State
from dispatch.models.deliveries import FINAL_STATES
from dispatch.rendering import Poison, Rendered, render_body
from dispatch.retry import UNKNOWN_LIMIT
from webhooks.masking import masked_url
from webhooks.models import Webhook
from webhooks.sending import Message, PlanError, SendPlan, load_plans

logger = structlog.get_logger(__name__)

# A delivery's next state and the reason for it.
End = tuple[str, str]

# The diagnosis of an attempt whose worker died.
WORKER_LOST = "worker_lost"

PICK_COLUMNS = (
    "id",
    "uuid",
    "webhook_id",
    "event_id",
    "cause",
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
    FOR UPDATE SKIP LOCKED
) AS d
"""

PICK_ONE_LANE = """
SELECT w.id FROM dispatch_delivery w
WHERE w.webhook_id = %s AND w.state = 'waiting' AND w.due_at <= %s {urgency}
ORDER BY w.due_at, w.id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One leased delivery, ready to be sent outside any transaction."""

    delivery_id: int
    attempt_id: int
    webhook_id: int
    lease_token: UUID
    number: int
    counted_attempts: int
    started_at: datetime
    limited: bool
    plan: SendPlan
    message: Message


@dataclass(slots=True)
class Claim:
    """What a claim took, and where the next one goes on."""

    rows: list[Claimed] = field(default_factory=list)
    last_webhook: int = 0
    taken: int = 0


@dataclass(slots=True)
class _Row:
    """A picked delivery while the claim works on it."""

    id: int
    uuid: UUID
    webhook_id: int
    event_id: int
    cause: str
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


def claim_due(limit: int, *, after: int = 0) -> Claim:
    """Take at most `limit` due deliveries, fairly between webhooks, starting behind webhook id `after`.

    Safe beside any number of other claims, and when the process dies at any line: before the commit nothing happened,
    after it the lease runs out by itself.
    """
    with transaction.atomic():
        now = clock.now()
        urgent, due = lanes.find_due_webhooks(now, after=after)
        if not urgent and not due:
            return Claim()
        webhook_ids = list(dict.fromkeys([*urgent, *due]))
        limits = lanes.rate_limits(webhook_ids)
        turns = lanes.take_turns(webhook_ids, limit=limit, limits=limits, now=now)
        _close_full_lanes(limits, turns, now)
        rows = _pick(turns, urgent, now)
        claimed = _lease(rows, limited=limits.keys(), now=now) if rows else []
    return Claim(claimed, last_webhook=due[-1] if len(due) >= lanes.LANES_PER_CLAIM else 0, taken=len(rows))


def _close_full_lanes(limits: dict[int, lanes.RateLimit], turns: Sequence[lanes.Turn], now: datetime) -> None:
    for webhook_id in limits.keys() - {turn.webhook_id for turn in turns}:
        lanes.close_lane_until(webhook_id, limits[webhook_id], now)


def _pick(turns: Sequence[lanes.Turn], urgent: Iterable[int], now: datetime) -> list[_Row]:
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
    rows = [_Row(*values) for values in Delivery.objects.filter(pk__in=picked).values_list(*PICK_COLUMNS)]
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


def _lease(rows: list[_Row], *, limited: Iterable[int], now: datetime) -> list[Claimed]:
    _close_lost_attempts(rows, now)
    plans = load_plans({row.webhook_id for row in rows})
    _join_events(rows)
    hindered = find_hindered(plans)
    for row in rows:
        _prepare(row, plans[row.webhook_id], hindered, now)
    ended = [row for row in rows if row.end]
    going = [row for row in rows if not row.end]
    _end(ended, plans, now)
    return _start(going, plans, set(limited), now)


def _close_lost_attempts(rows: list[_Row], now: datetime) -> None:
    """A row that still carries a lease was being sent by a worker that is no more: its attempt is unknown."""
    lost = [row for row in rows if row.lease_token]
    if not lost:
        return
    Attempt.objects.filter(delivery__in=[row.id for row in lost], outcome=Outcome.OPEN).update(
        outcome=Outcome.UNKNOWN, counted=False, finished_at=now, diagnosis=WORKER_LOST
    )
    for row in lost:
        row.unknown_in_row += 1
        if row.unknown_in_row >= UNKNOWN_LIMIT:
            row.end = (State.FAILED, Reason.LOST_WORKER)
            row.diagnosis = WORKER_LOST


def _join_events(rows: list[_Row]) -> None:
    events = Event.objects.select_related("publication").in_bulk({row.event_id for row in rows})
    for row in rows:
        row.event = events[row.event_id]


def _prepare(row: _Row, plan: SendPlan | PlanError, hindered: dict[int, End], now: datetime) -> None:
    """Decide whether the row may be sent, and give it its body if this is the first time."""
    if row.end:
        return
    assert row.event is not None
    if row.event.publication and row.event.publication.withdrawn_at:
        row.end = (State.CANCELLED, Reason.WITHDRAWN)
    elif row.webhook_id in hindered:
        row.end = hindered[row.webhook_id]
    elif isinstance(plan, PlanError):
        row.end, row.diagnosis = (State.FAILED, Reason.CONFIGURATION), plan.code
    elif row.body is None:
        rendered = render_body(row.event, delivery_uuid=row.uuid, body_format=plan.body_format, now=now)
        if isinstance(rendered, Poison):
            row.end, row.diagnosis = _end_of_poison(row, rendered, plan), rendered.code
        else:
            _keep_body(row, rendered)


def find_hindered(webhook_ids: Iterable[int]) -> dict[int, End]:
    """Return what becomes of the waiting deliveries of those webhooks that may not be called now.

    A delivery whose attempt was in flight when its webhook was stopped, archived or blocked goes back to waiting; the
    next claim ends it here.
    """
    webhooks = Webhook.objects.filter(pk__in=list(webhook_ids)).exclude(
        active=True, stopped_at__isnull=True, archived_at__isnull=True, participant__blocked_at__isnull=True
    )
    return {webhook.pk: end_of_waiting(webhook) for webhook in webhooks.select_related("participant")}


def end_of_waiting(webhook: Webhook) -> End:
    """Return (state, reason) of what waits for a webhook that may not be called."""
    if webhook.archived:
        return State.CANCELLED, Reason.ARCHIVED
    if webhook.participant.blocked:
        return State.HELD, Reason.PARTICIPANT_BLOCKED
    if webhook.stopped:
        return State.HELD, Reason.WEBHOOK_STOPPED
    return State.HELD, Reason.WEBHOOK_INACTIVE


def _end_of_poison(row: _Row, poison: Poison, plan: SendPlan) -> End:
    last = row.counted_attempts + 1 >= plan.max_attempts
    if poison.hopeless:
        return State.FAILED, Reason.CONFIGURATION
    return (State.FAILED, Reason.EXHAUSTED) if last else (State.WAITING, "")


def _keep_body(row: _Row, rendered: Rendered) -> None:
    row.body, row.content_type, row.body_format = rendered.body, rendered.content_type, rendered.body_format


def _end(rows: list[_Row], plans: dict[int, Any], now: datetime) -> None:
    """Close rows that can't or may not be sent: each one for itself, the rest flows (safety.md, fault 17)."""
    if not rows:
        return
    tried = {row.id for row in rows if row.diagnosis and row.diagnosis != WORKER_LOST}
    Attempt.objects.bulk_create(_unsent_attempt(row, now) for row in rows if row.id in tried)
    bulk.update_rows(Delivery, [_end_values(row, plans[row.webhook_id], row.id in tried, now) for row in rows])
    for state in {row.end[0] for row in rows if row.end}:
        statuses.follow([row.id for row in rows if row.end and row.end[0] == state], state, now=now)
    logger.info("dispatch.ended_unsent", deliveries=len(rows))


def _end_values(row: _Row, plan: SendPlan | PlanError, tried: bool, now: datetime) -> dict[str, Any]:
    state, reason = row.end or (State.WAITING, "")
    interval = timedelta(seconds=getattr(plan, "retry_interval_seconds", 0))
    return {
        "id": row.id,
        "state": state,
        "reason": reason,
        "due_at": now + interval if state == State.WAITING else None,
        "lease_token": None,
        "unknown_in_row": row.unknown_in_row,
        "attempts_made": row.attempts_made + tried,
        "counted_attempts": row.counted_attempts + tried,
        "last_diagnosis": row.diagnosis,
        "finished_at": now if state in FINAL_STATES else None,
    }


def _unsent_attempt(row: _Row, now: datetime) -> Attempt:
    return Attempt(
        delivery_id=row.id,
        webhook_id=row.webhook_id,
        number=row.attempts_made + 1,
        lease_token=uuid4(),
        outcome=Outcome.NOT_SENT,
        slot_at=now,
        finished_at=now,
        diagnosis=row.diagnosis,
    )


def _start(rows: list[_Row], plans: dict[int, Any], limited: set[int], now: datetime) -> list[Claimed]:
    if not rows:
        return []
    lease_token = uuid4()
    lease_ends = now + timedelta(seconds=settings.PORTAL_DISPATCH_LEASE_SECONDS)
    bulk.update_rows(Delivery, [_lease_values(row, lease_token, lease_ends) for row in rows])
    attempts = Attempt.objects.bulk_create(
        Attempt(
            delivery_id=row.id,
            webhook_id=row.webhook_id,
            webhook_version_id=plans[row.webhook_id].version_id,
            number=row.attempts_made + 1,
            lease_token=lease_token,
            slot_at=now,
            url=masked_url(plans[row.webhook_id].url),
        )
        for row in rows
    )
    return [
        _claimed(row, attempt, plans[row.webhook_id], limited=row.webhook_id in limited)
        for row, attempt in zip(rows, attempts, strict=True)
    ]


def _lease_values(row: _Row, lease_token: UUID, lease_ends: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "due_at": lease_ends,
        "lease_token": lease_token,
        "attempts_made": row.attempts_made + 1,
        "unknown_in_row": row.unknown_in_row,
        "body": row.body,
        "body_format": row.body_format,
        "content_type": row.content_type,
    }


def _claimed(row: _Row, attempt: Attempt, plan: SendPlan, *, limited: bool) -> Claimed:
    assert row.event is not None
    assert row.body is not None
    message = Message(
        message_id=row.uuid,
        event_id=row.event.uuid,
        event_type=row.event.type,
        cause=row.cause,
        body=bytes(row.body),
        content_type=row.content_type,
    )
    return Claimed(
        delivery_id=row.id,
        attempt_id=attempt.pk,
        webhook_id=row.webhook_id,
        lease_token=attempt.lease_token,
        number=attempt.number,
        counted_attempts=row.counted_attempts,
        started_at=attempt.slot_at,
        limited=limited,
        plan=plan,
        message=message,
    )
