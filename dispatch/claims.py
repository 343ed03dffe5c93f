"""Claiming: one short transaction that takes due deliveries, leases them, renders missing bodies and writes the
attempts down before anything is sent (delivery.md, "Claiming")."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from dispatch import bulk, clock, lanes, statuses
from dispatch.models import Attempt, Delivery, Event, Outcome, Reason, State
from dispatch.models.deliveries import FINAL_STATES
from dispatch.rendering import Poison, Rendered, render_body
from dispatch.retry import UNKNOWN_LIMIT
from webhooks.masking import masked_url
from webhooks.models import ProductSubscription, Webhook
from webhooks.sending import Message, PlanError, SendPlan, load_plans

logger = structlog.get_logger(__name__)

# A delivery's next state and the reason for it.
End = tuple[str, str]

# The diagnosis of an attempt whose worker died.
WORKER_LOST = "worker_lost"

# How long a row that breaks its claim is left alone. It is not ended: a mistake of a release of ours could
# otherwise end every delivery that it meets.
SET_ASIDE = timedelta(minutes=5)

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
    # time.monotonic() of `started_at`, read before it.
    booked_at: float
    limited: bool
    urgent: bool
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


Lease = Callable[[list[_Row], Collection[int], datetime], list[Claimed]]


def claim_due(limit: int, *, after: int = 0, room: int | None = None) -> Claim:
    """Take at most `limit` due deliveries, fairly between webhooks, starting behind webhook id `after`.

    `room`: how many requests could start now; no more are taken of webhooks with a rate limit, whose slots don't wait.
    Safe beside any number of other claims, and when the process dies at any line: before the commit nothing happened,
    after it the lease runs out by itself.
    """
    room = limit if room is None else room
    try:
        return _claim(limit, after, room, _lease)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # One row that breaks the claim would break every claim after it: find it, and let the others through.
        logger.exception("dispatch.claim_failed")
        return _claim(limit, after, room, _lease_singly)


def _claim(limit: int, after: int, room: int, lease: Lease) -> Claim:
    with transaction.atomic():
        now = clock.now()
        urgent, due = lanes.find_due_webhooks(now, after=after, limit=limit)
        if not urgent and not due:
            return Claim()
        webhook_ids = list(dict.fromkeys([*urgent, *due]))
        limits = lanes.rate_limits(webhook_ids)
        turns = lanes.take_turns(webhook_ids, limit=limit, limits=limits, room=room, now=now)
        rows = _pick(turns, urgent, now)
        claimed = lease(rows, limits.keys(), now) if rows else []
    return Claim(claimed, last_webhook=due[-1] if due else 0, taken=len(rows))


def _lease_singly(rows: list[_Row], limited: Collection[int], now: datetime) -> list[Claimed]:
    """Lease row by row; one that can't be prepared is set aside for a while, as it is."""
    claimed: list[Claimed] = []
    for row in rows:
        try:
            with transaction.atomic():
                claimed += _lease([row], limited, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("dispatch.row_set_aside", delivery=str(row.uuid), seconds=SET_ASIDE.total_seconds())
            Delivery.objects.filter(pk=row.id).update(due_at=now + SET_ASIDE)
    return claimed


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


def _lease(rows: list[_Row], limited: Collection[int], now: datetime) -> list[Claimed]:
    _close_lost_attempts(rows, now)
    plans = load_plans({row.webhook_id for row in rows})
    _join_events(rows)
    hindered = find_hindered(plans)
    for row in rows:
        _prepare(row, plans[row.webhook_id], hindered, now)
    _leave_busy(rows)
    ended = [row for row in rows if row.end and not row.left]
    going = [row for row in rows if not row.end]
    _end(ended, plans, now)
    return _start(going, plans, limited)


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
    products = {event.publication.product_id for event in events.values() if event.publication}
    subscriptions = ProductSubscription.objects.filter(
        webhook__in={row.webhook_id for row in rows}, product__in=products
    )
    subscribed = set(subscriptions.values_list("webhook", "product"))
    for row in rows:
        row.event = event = events[row.event_id]
        row.subscribed = event.publication is not None and (row.webhook_id, event.publication.product_id) in subscribed


def _prepare(row: _Row, plan: SendPlan | PlanError, hindered: dict[int, End], now: datetime) -> None:
    """Decide whether the row may be sent, and give it its body if this is the first time."""
    if row.end:
        return
    assert row.event is not None
    publication = row.event.publication
    if publication and publication.withdrawn_at:
        row.end = (State.CANCELLED, Reason.WITHDRAWN)
    elif publication and not row.subscribed:
        # It was in flight, or just being written, when the product was taken off the webhook's list.
        row.end = (State.CANCELLED, Reason.UNSUBSCRIBED)
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


def _leave_busy(rows: list[_Row]) -> None:
    """Leave a row for the next claim when its end has to wait for the record of the delivery before it.

    We hold lanes, and a record that holds that delivery may be waiting for one of them.
    """
    cancelled = {row.id: row for row in rows if row.end and row.end[0] == State.CANCELLED}
    if not cancelled:
        return
    before = statuses.find_before(cancelled)
    wanted = Delivery.objects.filter(pk__in=before.values()).select_for_update(skip_locked=True, no_key=True)
    locked = set(wanted.values_list("pk", flat=True))
    for delivery_id, other in before.items():
        cancelled[delivery_id].left = other not in locked


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
    # All of them first: locked state by state, two claims could wait for each other.
    statuses.lock([row.id for row in rows])
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


def _start(rows: list[_Row], plans: dict[int, Any], limited: Collection[int]) -> list[Claimed]:
    if not rows:
        return []
    lease_token = uuid4()
    # The slots: as late as can be, because a request that starts more than 50 ms after its slot is handed back, and
    # the claim has waited for locks and rendered bodies until here.
    booked_at = time.monotonic()
    now = clock.now()
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
        _claimed(row, attempt, plans[row.webhook_id], booked_at=booked_at, limited=row.webhook_id in limited)
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


def _claimed(row: _Row, attempt: Attempt, plan: SendPlan, *, booked_at: float, limited: bool) -> Claimed:
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
        booked_at=booked_at,
        limited=limited,
        urgent=row.urgent,
        plan=plan,
        message=message,
    )
