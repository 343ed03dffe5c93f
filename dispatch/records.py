"""Recording: one short transaction that writes what came back, in bulk, only where the lease is still ours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from access.actors import Actor
from access.unavailable import is_unavailable
from connections import failures
from connections.tokens import Token
from dispatch import bulk
from dispatch.claims import Claimed
from dispatch.models import Attempt, Delivery, Lane, Outcome, ProductStatus, Reason, State
from dispatch.news import Ended, LaneChange
from dispatch.result_locks import LaneNotes, Locked, lock_results
from dispatch.retry import GONE, Answer, Decision, Policy, decide
from dispatch.signals import deliveries_finished
from dispatch.telling import tell_of_lanes
from outbound import outcomes
from outbound.transfer import KEEP_BYTES, Result
from webhooks import diagnosis
from webhooks.actions import stop_webhook
from webhooks.models import Backoff, StoppedReason, Webhook

logger = structlog.get_logger(__name__)

# The request never left this machine. The codes of tokens: there was none to send with.
NOT_SENT = failures.CODES | frozenset(
    {
        outcomes.ADDRESS_INVALID,
        outcomes.HEADER_REFUSED,
        outcomes.REFUSED_ADDRESS,
        outcomes.CLIENT_CERTIFICATE_UNUSABLE,
        outcomes.AUTHORITY_UNUSABLE,
    }
)
# Trying again can't help until somebody changes the configuration.
CONFIGURATION = frozenset(
    {
        outcomes.HEADER_REFUSED,
        outcomes.CLIENT_CERTIFICATE_UNUSABLE,
        outcomes.AUTHORITY_UNUSABLE,
        failures.CREDENTIALS_UNREADABLE,
        failures.CONNECTION_INCOMPLETE,
    }
)


@dataclass(slots=True)
class Finished:
    """A claimed delivery whose transfer has ended, with the request's headers already masked.

    `token`: the fetched one that it went with. `stale_token`: the receiver refused that one, and another can be had
    (None: nobody has asked yet). `back_in`: handed back unsent, it falls due again in so many seconds.
    """

    claimed: Claimed
    result: Result
    request_headers: list[list[str]]
    token: Token | None = None
    stale_token: bool | None = None
    back_in: float = 0.0


@dataclass(slots=True)
class _Judged:
    finished: Finished
    answer: Answer
    diagnosis: str
    decision: Decision
    counted_attempts: int


def record_results(finished: Sequence[Finished]) -> int:
    """Write the results; return how many deliveries took theirs.

    Safe to run twice and to be cut off anywhere: a result whose lease has passed to another claim is left out, that
    claim has closed the attempt as unknown. Two statements, whatever the number of results; a few more when a webhook
    is to be stopped or somebody is to be told.
    """
    if not finished:
        return 0
    with transaction.atomic():
        gone = _lock_gone_webhooks(finished)
        locked = _lock(finished, _find_to_be_held(gone))
        ours = _find_ours(finished, locked)
        back = [done for done in ours if done.result.error == outcomes.NOT_STARTED]
        judged = [_judge(done, locked.now) for done in ours if done.result.error != outcomes.NOT_STARTED]
        news = [_note(locked.lanes.get(row.finished.claimed.webhook_id), row, locked.now) for row in judged]
        _write(judged, back, locked)
        _stop(gone, judged)
        tell_of_lanes([change for change in news if change], now=locked.now)
        _tell_of_ends(judged)
    return len(judged)


def record_one(finished: Finished) -> None:
    """Write one result; without its texts when the database refuses those, so that its delivery still moves on.

    Raises only what a database that is away raises. A result that can't be written at all is given up: its lease runs
    out, and the third time the delivery ends as lost by the worker.
    """
    result = finished.result
    bare = Result(status=result.status, error=result.error, timing=result.timing, private=result.private)
    for attempt in (finished, replace(finished, result=bare, request_headers=[])):
        try:
            record_results([attempt])
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # PostgreSQL calls it an internal error that it is read-only for a while.
            if is_unavailable(error):
                raise
            logger.exception("dispatch.result_refused", attempt=finished.claimed.attempt_id)
        else:
            return


def release(claims: Sequence[Claimed]) -> None:
    """Give claimed deliveries that were never started back: what a dispatcher does before it stops."""
    unsent = [Finished(claimed, Result(error=outcomes.NOT_STARTED), []) for claimed in claims]
    record_results(unsent)


def _lock(finished: Sequence[Finished], held: Sequence[int]) -> Locked:
    """Lock the deliveries, and those that a 410 is going to hold: locked later, they would be out of the order."""
    ids = [done.claimed.delivery_id for done in finished] + list(held)
    started = [done for done in finished if done.result.error != outcomes.NOT_STARTED]
    failed = {done.claimed.webhook_id for done in started if not build_answer(done.result).succeeded}
    return lock_results(ids, {done.claimed.webhook_id for done in started}, failed=failed)


def _find_ours(finished: Sequence[Finished], locked: Locked) -> list[Finished]:
    """Keep those whose lease is still ours."""
    leases = locked.leases
    ours = [done for done in finished if leases.get(done.claimed.delivery_id) == done.claimed.lease_token]
    if len(ours) < len(finished):
        logger.warning("dispatch.lease_lost", results=len(finished) - len(ours))
    return ours


def _judge(done: Finished, now: datetime) -> _Judged:
    claimed, result = done.claimed, done.result
    answer = build_answer(result, stale_token=bool(done.stale_token))
    counted = claimed.counted_attempts + (not claimed.repeat)
    policy = Policy(
        interval_seconds=claimed.plan.retry_interval_seconds,
        max_attempts=claimed.plan.max_attempts,
        exponential=claimed.plan.backoff == Backoff.EXPONENTIAL,
    )
    decision = decide(answer, counted, policy, started_at=claimed.started_at, now=now)
    code = "" if answer.succeeded else diagnosis.code_for(result, auth_method=claimed.plan.auth_method)
    return _Judged(done, answer, code, decision, counted)


def build_answer(result: Result, *, stale_token: bool = False) -> Answer:
    """Return what a transfer came to, in the words of the retry rule."""
    if result.error is None:
        retry_after = result.header("retry-after") or ""
        return Answer(Outcome.ANSWERED, result.status, retry_after=retry_after, stale_token=stale_token)
    outcome = Outcome.NOT_SENT if result.error in NOT_SENT else Outcome.NO_ANSWER
    return Answer(outcome, configuration=result.error in CONFIGURATION)


def _write(judged: Sequence[_Judged], back: Sequence[Finished], locked: Locked) -> None:
    now = locked.now
    closed = {"outcome": Outcome.HANDED_BACK, "counted": False, "finished_at": now}
    bulk.update_tables(
        [
            bulk.Change(Attempt, [_attempt_values(row, now) for row in judged]),
            bulk.Change(Delivery, [_delivery_values(row, now) for row in judged]),
            bulk.Change(ProductStatus, [_status_values(row, now) for row in judged], key="delivery"),
            bulk.Change(Lane, [_lane_values(lane) for lane in locked.lanes.values()], key="webhook"),
            bulk.Change(Attempt, [{"id": done.claimed.attempt_id, **closed} for done in back]),
            bulk.Change(Delivery, [_back_values(done, now) for done in back]),
        ]
    )


def _back_values(done: Finished, now: datetime) -> dict[str, Any]:
    due_at = now + timedelta(seconds=done.back_in)
    return {"id": done.claimed.delivery_id, "lease_token": None, "due_at": due_at}


def _attempt_values(row: _Judged, now: datetime) -> dict[str, Any]:
    result, timing = row.finished.result, row.finished.result.timing
    redactor = row.finished.claimed.plan.redactor_with(row.finished.token)
    return {
        "id": row.finished.claimed.attempt_id,
        "outcome": row.answer.outcome,
        "succeeded": row.answer.succeeded,
        "finished_at": now,
        "request_headers": row.finished.request_headers,
        "status": result.status,
        "response_headers": redactor.headers(result.headers),
        "response_body": redactor.body(result.body, cut=result.answer_cut or len(result.body) >= KEEP_BYTES),
        "answer_cut": result.answer_cut,
        "diagnosis": row.diagnosis,
        "detail": result.detail[:300],
        "remote_address": f"{result.address}:{result.port}" if result.address else "",
        "private": result.private,
        "duration_ms": round(timing.total * 1000),
        "timing": {
            "dns": round(timing.dns * 1000, 1),
            "connect": round(timing.connect * 1000, 1),
            "tls": round(timing.tls * 1000, 1),
            "first_byte": round(timing.first_byte * 1000, 1),
            "total": round(timing.total * 1000, 1),
        },
    }


def _delivery_values(row: _Judged, now: datetime) -> dict[str, Any]:
    return {
        "id": row.finished.claimed.delivery_id,
        "state": row.decision.state,
        "reason": row.decision.reason,
        "due_at": row.decision.due_at,
        "lease_token": None,
        "counted_attempts": row.counted_attempts,
        "unknown_in_row": 0,
        "last_status": row.finished.result.status,
        "last_diagnosis": row.diagnosis,
        "last_attempt_at": row.finished.claimed.started_at,
        "finished_at": None if row.decision.state == State.WAITING else now,
        # A delivery that somebody waited for waits in line like the others once its first attempt failed. The repeat
        # after a 401 goes at once, before the backlog of its webhook.
        "urgent": row.decision.repeat,
        "repeat_due": row.decision.repeat,
    }


def _status_values(row: _Judged, now: datetime) -> dict[str, Any]:
    return {
        "delivery": row.finished.claimed.delivery_id,
        "state": row.decision.state,
        "failed_attempts": row.counted_attempts - (row.answer.succeeded and not row.finished.claimed.repeat),
        "changed_at": now,
    }


def _lane_values(lane: LaneNotes) -> dict[str, Any]:
    return {
        "webhook": lane.webhook_id,
        "open_at": lane.open_at,
        "failures_in_row": lane.failures_in_row,
        "failing_since": lane.failing_since,
        "last_success_at": lane.last_success_at,
        "trouble_told_at": lane.trouble_told_at,
    }


def _note(lane: LaneNotes | None, row: _Judged, now: datetime) -> LaneChange | None:
    """Note on the lane how long its webhook has been failing and until when it asked to be left alone; return what its
    owner is to be told. A lane that is not there says already what there is to say; a 401 to be repeated says nothing.
    """
    if lane is None or row.decision.repeat:
        return None
    told = lane.trouble_told_at
    if row.answer.succeeded:
        lane.failures_in_row, lane.failing_since, lane.last_success_at, lane.trouble_told_at = 0, None, now, None
        return LaneChange(lane.webhook_id, "recovered") if told else None
    lane.failures_in_row += 1
    lane.failing_since = lane.failing_since or now
    opens = row.decision.lane_open_at
    if opens and (lane.open_at is None or lane.open_at < opens):
        lane.open_at = opens
    if told or row.decision.reason != Reason.EXHAUSTED:
        return None
    lane.trouble_told_at = now
    return LaneChange(lane.webhook_id, "exhausted", row.diagnosis)


def _tell_of_ends(judged: Sequence[_Judged]) -> None:
    ended = [
        Ended(
            row.finished.claimed.delivery_id, row.finished.claimed.webhook_id, row.decision.state, row.decision.reason
        )
        for row in judged
        if row.decision.state != State.WAITING
    ]
    if ended:
        deliveries_finished.send(Delivery, deliveries=ended)


def _lock_gone_webhooks(finished: Sequence[Finished]) -> list[Webhook]:
    """Lock the webhooks that answered 410, before any delivery: who edits a webhook locks in this order too."""
    gone = {done.claimed.webhook_id for done in finished if done.result.status == GONE}
    if not gone:
        return []
    return list(Webhook.objects.filter(pk__in=gone).order_by("pk").select_for_update(no_key=True))


def _find_to_be_held(gone: Sequence[Webhook]) -> list[int]:
    if not gone:
        return []
    return list(Delivery.objects.filter(webhook__in=gone).waiting().unleased().values_list("pk", flat=True))


def _stop(webhooks: Sequence[Webhook], judged: Sequence[_Judged]) -> None:
    asked = {row.finished.claimed.webhook_id for row in judged if row.decision.stop_webhook}
    for webhook in webhooks:
        if webhook.pk in asked and not webhook.stopped:
            stop_webhook(webhook, reason=StoppedReason.GONE, by=Actor.system("dispatcher"))
