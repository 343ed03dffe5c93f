"""What becomes of a delivery after an attempt. Pure: no clock, no database (delivery.md, "Outcomes and retries")."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from dispatch.models.attempts import Outcome
from dispatch.models.deliveries import Reason, State

RETRY_AFTER_CAP_SECONDS = 3_600
BACKOFF_CAP_SECONDS = 12 * 3_600
# A worker that dies three times on the same delivery is taken to die of it.
UNKNOWN_LIMIT = 3
GONE = 410
WAIT_STATUSES = (429, 503)
RETRY_AFTER_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class Policy:
    """How a webhook wants to be retried: interval in seconds, maximum of counted attempts, exponential or fixed."""

    interval_seconds: int
    max_attempts: int
    exponential: bool = False


@dataclass(slots=True)
class Answer:
    """What one attempt came to: its outcome, the HTTP status if there was one, and the Retry-After header's text.

    `stale_token`: a 401 to a fetched token of which there is, or will be, a newer one; never after the repeat.
    """

    outcome: str
    status: int | None = None
    retry_after: str = ""
    configuration: bool = False
    stale_token: bool = False

    @property
    def succeeded(self) -> bool:
        return self.outcome == Outcome.ANSWERED and self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Decision:
    """The delivery's next state, why, when it is due again, and what it means for the whole webhook. `repeat`: its next
    attempt is the single one that is not counted."""

    state: str
    reason: str = ""
    due_at: datetime | None = None
    stop_webhook: bool = False
    lane_open_at: datetime | None = None
    repeat: bool = False


def decide(answer: Answer, counted_attempts: int, policy: Policy, *, started_at: datetime, now: datetime) -> Decision:
    """Decide what follows an attempt.

    `counted_attempts` includes this one. `started_at` is the attempt's start: intervals run from start to start.
    """
    if answer.succeeded:
        return Decision(State.DELIVERED)
    if answer.configuration:
        return Decision(State.FAILED, Reason.CONFIGURATION)
    if answer.status == GONE:
        return Decision(State.FAILED, Reason.GONE, stop_webhook=True)
    if answer.stale_token:
        return Decision(State.WAITING, due_at=now, repeat=True)
    lane_open_at = compute_lane_opening(answer, policy, now)
    if counted_attempts >= policy.max_attempts:
        return Decision(State.FAILED, Reason.EXHAUSTED, lane_open_at=lane_open_at)
    due_at = started_at + compute_interval(policy, counted_attempts)
    return Decision(State.WAITING, due_at=max(due_at, lane_open_at or due_at, now), lane_open_at=lane_open_at)


def compute_interval(policy: Policy, counted_attempts: int) -> timedelta:
    """Return the time between the start of attempt `counted_attempts` and the start of the next one."""
    if not policy.exponential:
        return timedelta(seconds=policy.interval_seconds)
    factor = 2 ** max(0, min(counted_attempts, 20) - 1)
    return timedelta(seconds=max(policy.interval_seconds, min(policy.interval_seconds * factor, BACKOFF_CAP_SECONDS)))


def plan_starts(policy: Policy) -> list[timedelta]:
    """Return when each attempt of a delivery that nobody answers starts, counted from the first."""
    starts = [timedelta(0)]
    while len(starts) < policy.max_attempts:
        starts.append(starts[-1] + compute_interval(policy, len(starts)))
    return starts


def compute_lane_opening(answer: Answer, policy: Policy, now: datetime) -> datetime | None:
    """Return until when a 429 or 503 with Retry-After (RFC 9110, 10.2.3) asks the whole webhook to wait, or None."""
    if answer.status not in WAIT_STATUSES:
        return None
    asked = parse_retry_after(answer.retry_after, now)
    if asked is None:
        return None
    return now + timedelta(seconds=min(max(policy.interval_seconds, asked), RETRY_AFTER_CAP_SECONDS))


def parse_retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for; None when it is absent, negative or not understood."""
    text = text.strip()
    if RETRY_AFTER_SECONDS.fullmatch(text):
        return float(text)
    if text.isdigit():
        return float(RETRY_AFTER_CAP_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if seconds >= 0 else None
