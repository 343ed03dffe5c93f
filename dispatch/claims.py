"""Claiming: one short transaction that takes due deliveries, leases them, renders missing bodies and writes the
attempts down before anything is sent (delivery.md, "Claiming")."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from dispatch import bulk, clock, lanes, statuses
from dispatch.endings import close_lost_attempts, end_unsent, find_hindered
from dispatch.models import Attempt, Delivery, Event, Reason, State
from dispatch.picking import End, Row, pick
from dispatch.rendering import Poison, Rendered, render_body
from webhooks.masking import masked_url
from webhooks.models import ProductSubscription
from webhooks.sending import Message, PlanError, SendPlan, load_plans

logger = structlog.get_logger(__name__)

# How long a row that breaks its claim is left alone. It is not ended: a mistake of a release of ours could
# otherwise end every delivery that it meets.
SET_ASIDE = timedelta(minutes=5)


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


Lease = Callable[[list[Row], Collection[int], datetime], list[Claimed]]


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
        rows = pick(turns, urgent, now)
        claimed = lease(rows, limits.keys(), now) if rows else []
    return Claim(claimed, last_webhook=due[-1] if due else 0, taken=len(rows))


def _lease_singly(rows: list[Row], limited: Collection[int], now: datetime) -> list[Claimed]:
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


def _lease(rows: list[Row], limited: Collection[int], now: datetime) -> list[Claimed]:
    close_lost_attempts(rows, now)
    plans = load_plans({row.webhook_id for row in rows})
    _join_events(rows)
    hindered = find_hindered(plans)
    for row in rows:
        _prepare(row, plans[row.webhook_id], hindered, now)
    _leave_busy(rows)
    ended = [row for row in rows if row.end and not row.left]
    going = [row for row in rows if not row.end]
    end_unsent(ended, plans, now)
    return _start(going, plans, limited)


def _join_events(rows: list[Row]) -> None:
    events = Event.objects.select_related("publication").in_bulk({row.event_id for row in rows})
    products = {event.publication.product_id for event in events.values() if event.publication}
    subscriptions = ProductSubscription.objects.filter(
        webhook__in={row.webhook_id for row in rows}, product__in=products
    )
    subscribed = set(subscriptions.values_list("webhook", "product"))
    for row in rows:
        row.event = event = events[row.event_id]
        row.subscribed = event.publication is not None and (row.webhook_id, event.publication.product_id) in subscribed


def _prepare(row: Row, plan: SendPlan | PlanError, hindered: dict[int, End], now: datetime) -> None:
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


def _leave_busy(rows: list[Row]) -> None:
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


def _end_of_poison(row: Row, poison: Poison, plan: SendPlan) -> End:
    last = row.counted_attempts + 1 >= plan.max_attempts
    if poison.hopeless:
        return State.FAILED, Reason.CONFIGURATION
    return (State.FAILED, Reason.EXHAUSTED) if last else (State.WAITING, "")


def _keep_body(row: Row, rendered: Rendered) -> None:
    row.body, row.content_type, row.body_format = rendered.body, rendered.content_type, rendered.body_format


def _start(rows: list[Row], plans: dict[int, Any], limited: Collection[int]) -> list[Claimed]:
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


def _lease_values(row: Row, lease_token: UUID, lease_ends: datetime) -> dict[str, Any]:
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


def _claimed(row: Row, attempt: Attempt, plan: SendPlan, *, booked_at: float, limited: bool) -> Claimed:
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
