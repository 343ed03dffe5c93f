"""Claiming: one short transaction that takes due deliveries, leases them, renders missing bodies and writes the
attempts down before anything is sent (delivery.md, "Claiming")."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from access.unavailable import is_unavailable
from dispatch import lanes, statuses
from dispatch.endings import close_lost_attempts, end_unsent, find_hindered
from dispatch.leasing import Lease, lease_rows
from dispatch.models import Delivery, Reason, State
from dispatch.picking import End, Row, pick
from dispatch.rendering import Poison, Rendered, render_body
from webhooks.plans import SendPlan
from webhooks.sending import Message, PlanCache, PlanError

logger = structlog.get_logger(__name__)

# How long a row that breaks its claim is left alone. It is not ended: a mistake of a release of ours could
# otherwise end every delivery that it meets.
SET_ASIDE = timedelta(minutes=5)


@dataclass(slots=True)
class Claimed:
    """One leased delivery, ready to be sent outside any transaction. `failing`: its lane keeps failing. `repeat`: the
    one repeat after a 401, with a fresh token and not counted."""

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
    failing: bool
    urgent: bool
    plan: SendPlan
    message: Message
    repeat: bool = False


@dataclass(slots=True)
class Claim:
    """What a claim took, and where the next one goes on (webhook id; 0: at the beginning).

    `complete`: whatever may be sent now was taken. `busy`: another claim had some of the lanes.
    """

    rows: list[Claimed] = field(default_factory=list)
    last_webhook: int = 0
    taken: int = 0
    complete: bool = True
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows a claim may take: in all, of webhooks with a rate limit (whose slots don't wait), and of webhooks
    that keep failing (which must leave room for the others)."""

    limit: int
    limited: int
    failing: int


@dataclass(slots=True)
class _Work:
    """One claim under way: its moment, what it has locked, and the plans of the webhooks that it may send to."""

    now: datetime
    lanes: dict[int, lanes.LockedLane]
    plans: PlanCache


Prepare = Callable[[list[Row], _Work], list[Claimed]]


def claim_due(
    limit: int,
    *,
    after: int = 0,
    room: int | None = None,
    failing_room: int | None = None,
    plans: PlanCache | None = None,
) -> Claim:
    """Take at most `limit` due deliveries, fairly between webhooks, starting behind webhook id `after`.

    `room`: how many requests could start now; no more are taken of webhooks with a rate limit, whose slots don't wait.
    `failing_room`: how many are taken of webhooks that keep failing. Safe beside any number of other claims, and when
    the process dies at any line: before the commit nothing happened, after it the lease runs out by itself.
    """
    plans = PlanCache() if plans is None else plans
    wanted = Room(limit, limit if room is None else room, limit if failing_room is None else failing_room)
    try:
        return _claim(wanted, after, plans, _lease)
    except Exception as error:
        if is_unavailable(error):
            raise
        # One row that breaks the claim would break every claim after it: find it, and let the others through.
        logger.exception("dispatch.claim_failed")
        return _claim(wanted, after, plans, _lease_singly)


def _claim(room: Room, after: int, plans: PlanCache, prepare: Prepare) -> Claim:
    with transaction.atomic():
        look = lanes.look_for_due(after=after, limit=room.limit)
        wanted = list(dict.fromkeys([*look.urgent, *look.due]))
        if not wanted:
            return Claim(last_webhook=look.last, complete=look.all_seen)
        locked, busy = lanes.lock_lanes(wanted, look.now)
        picked, cut = pick(
            locked, look.urgent, limit=room.limit, room=room.limited, failing_room=room.failing, now=look.now
        )
        work = _Work(look.now, {lane.webhook_id: lane for lane in locked}, plans)
        claimed = prepare(picked, work) if picked else []
    # Rows that ended unsent have left their lanes free for the next ones.
    complete = look.all_seen and not cut and len(claimed) == len(picked)
    return Claim(claimed, look.last, len(picked), complete, busy)


def _lease_singly(rows: list[Row], work: _Work) -> list[Claimed]:
    """Lease row by row; one that can't be prepared is set aside for a while, as it is."""
    claimed: list[Claimed] = []
    for row in rows:
        try:
            with transaction.atomic():
                claimed += _lease([row], work)
        except Exception as error:
            if is_unavailable(error):
                raise
            logger.exception("dispatch.row_set_aside", delivery=str(row.uuid), seconds=SET_ASIDE.total_seconds())
            Delivery.objects.filter(pk=row.id).update(due_at=work.now + SET_ASIDE)
    return claimed


def _lease(rows: list[Row], work: _Work) -> list[Claimed]:
    close_lost_attempts(rows, work.now)
    plans = work.plans.load({row.webhook_id: row.version_id for row in rows})
    hindered = find_hindered({row.webhook_id for row in rows if not row.callable})
    for row in rows:
        _prepare(row, plans[row.webhook_id], hindered, work.now)
    _leave_busy(rows)
    end_unsent([row for row in rows if row.end and not row.left], plans, work.now)
    going = {row.webhook_id: plan for row in rows if isinstance(plan := plans[row.webhook_id], SendPlan)}
    return _start([row for row in rows if not row.end], going, work)


def _prepare(row: Row, plan: SendPlan | PlanError, hindered: dict[int, End], now: datetime) -> None:
    """Decide whether the row may be sent, and give it its body if this is the first time."""
    row.end = row.end or _end_before_sending(row, hindered)
    if row.end:
        return
    if isinstance(plan, PlanError):
        row.end, row.diagnosis = (State.FAILED, Reason.CONFIGURATION), plan.code
    elif row.body is None:
        rendered = render_body(row, body_format=plan.body_format, now=now)
        if isinstance(rendered, Poison):
            row.end, row.diagnosis = _end_of_poison(row, rendered, plan), rendered.code
        else:
            _keep_body(row, rendered)


def _end_before_sending(row: Row, hindered: dict[int, End]) -> End | None:
    """Return where a row goes that may not be sent any more; it was in flight, or just being written, until now."""
    if row.withdrawn:
        return State.CANCELLED, Reason.WITHDRAWN
    if row.publication_uuid and not row.subscribed:
        return State.CANCELLED, Reason.UNSUBSCRIBED
    if row.batch_stopped:
        return State.CANCELLED, Reason.STOPPED_BY_USER
    return hindered.get(row.webhook_id)


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
    row.rendered = True


def _start(rows: Sequence[Row], plans: dict[int, SendPlan], work: _Work) -> list[Claimed]:
    if not rows:
        return []
    lease = lease_rows(rows, plans)
    return [_claimed(row, lease, plans[row.webhook_id], work.lanes[row.webhook_id]) for row in rows]


def _claimed(row: Row, lease: Lease, plan: SendPlan, lane: lanes.LockedLane) -> Claimed:
    assert row.body is not None
    message = Message(row.uuid, row.event_uuid, row.event_type, row.cause, bytes(row.body), row.content_type)
    return Claimed(
        delivery_id=row.id,
        attempt_id=lease.attempt_ids[row.id],
        webhook_id=row.webhook_id,
        lease_token=lease.token,
        number=row.attempts_made + 1,
        counted_attempts=row.counted_attempts,
        started_at=lease.started_at,
        booked_at=lease.booked_at,
        limited=lane.rate is not None,
        failing=lane.failing,
        urgent=row.urgent,
        plan=plan,
        message=message,
        repeat=row.repeat_due,
    )
