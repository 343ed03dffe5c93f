"""What a claim does with rows that it must not or can't send: each ends for itself, the rest flows."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog

from dispatch import bulk, statuses
from dispatch.models import Attempt, Delivery, Outcome, Reason, State
from dispatch.models.deliveries import FINAL_STATES
from dispatch.picking import End, Row
from dispatch.retry import UNKNOWN_LIMIT
from webhooks.models import Webhook
from webhooks.plans import SendPlan
from webhooks.sending import PlanError

logger = structlog.get_logger(__name__)

# The diagnosis of an attempt whose worker died.
WORKER_LOST = "worker_lost"


def close_lost_attempts(rows: list[Row], now: datetime) -> None:
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


def find_hindered(webhook_ids: Iterable[int]) -> dict[int, End]:
    """Return what becomes of the waiting deliveries of those webhooks that may not be called now.

    A delivery whose attempt was in flight when its webhook was stopped, archived or blocked goes back to waiting; the
    next claim ends it here.
    """
    ids = list(webhook_ids)
    if not ids:
        return {}
    webhooks = Webhook.objects.filter(pk__in=ids).exclude(
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


def end_unsent(rows: list[Row], plans: dict[int, Any], now: datetime) -> None:
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


def _end_values(row: Row, plan: SendPlan | PlanError, tried: bool, now: datetime) -> dict[str, Any]:
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


def _unsent_attempt(row: Row, now: datetime) -> Attempt:
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
