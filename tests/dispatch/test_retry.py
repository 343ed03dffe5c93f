"""What follows an attempt: every outcome, exactly (UNICO-14, UNICO-15, X-1, delivery.md "Outcomes and retries")."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.models import Outcome, Reason, State
from dispatch.retry import Answer, Policy, compute_interval, decide, parse_retry_after

NOW = datetime(2026, 11, 19, 17, 32, tzinfo=UTC)
STARTED = NOW - timedelta(seconds=3)
FIVE_TIMES = Policy(interval_seconds=300, max_attempts=5)


def answered(status, retry_after=""):
    return Answer(Outcome.ANSWERED, status, retry_after)


def decided(answer, counted=1, policy=FIVE_TIMES):
    return decide(answer, counted, policy, started_at=STARTED, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_any_2xx_is_delivered(status):
    assert decided(answered(status)).state == State.DELIVERED


@pytest.mark.parametrize(
    "status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 599]
)
def test_every_other_answer_is_tried_again_an_interval_after_the_start(status):
    decision = decided(answered(status))
    assert (decision.state, decision.due_at) == (State.WAITING, STARTED + timedelta(seconds=300))
    assert not decision.stop_webhook


@pytest.mark.parametrize("outcome", [Outcome.NO_ANSWER, Outcome.NOT_SENT])
def test_no_answer_is_tried_again(outcome):
    assert decided(Answer(outcome)).state == State.WAITING


def test_the_last_counted_attempt_ends_the_delivery():
    decision = decided(answered(500), counted=5)
    assert (decision.state, decision.reason, decision.due_at) == (State.FAILED, Reason.EXHAUSTED, None)


def test_a_maximum_of_one_means_one_attempt():
    assert decided(answered(500), counted=1, policy=Policy(60, 1)).reason == Reason.EXHAUSTED


def test_success_on_the_last_attempt_is_success():
    assert decided(answered(200), counted=5).state == State.DELIVERED


def test_gone_ends_at_once_and_stops_the_webhook():
    decision = decided(answered(410))
    assert (decision.state, decision.reason, decision.stop_webhook) == (State.FAILED, Reason.GONE, True)


def test_broken_configuration_ends_at_once():
    decision = decided(Answer(Outcome.NOT_SENT, configuration=True))
    assert (decision.state, decision.reason) == (State.FAILED, Reason.CONFIGURATION)


def test_an_attempt_longer_than_the_interval_is_followed_at_once_not_in_the_past():
    late = decide(answered(500), 1, Policy(60, 5), started_at=NOW - timedelta(seconds=90), now=NOW)
    assert late.due_at == NOW


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 3_00),
        ("900", 900),
        ("0", 300),
        ("99999", 3_600),
        ("9" * 40, 3_600),
        ("Thu, 19 Nov 2026 17:42:00 GMT", 600),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_keeps_the_whole_webhook_waiting(text, seconds, status):
    decision = decided(answered(status, text))
    assert decision.lane_open_at == NOW + timedelta(seconds=seconds)
    assert decision.due_at == max(decision.lane_open_at, STARTED + timedelta(seconds=300))


@pytest.mark.parametrize("text", ["", "-5", "soon", "1.5", "Thu, 19 Nov 2026 17:00:00 GMT", "Thu, 99 Foo 2026", "\x00"])
def test_junk_and_past_retry_after_are_ignored(text):
    decision = decided(answered(429, text))
    assert (decision.lane_open_at, decision.due_at) == (None, STARTED + timedelta(seconds=300))


def test_retry_after_of_another_status_is_ignored():
    assert decided(answered(500, "900")).lane_open_at is None


@given(st.text(max_size=60))
def test_no_retry_after_text_breaks_the_rule(text):
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(("counted", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (8, 640), (9, 720), (20, 720)])
def test_exponential_back_off_doubles_up_to_twelve_hours(counted, minutes):
    assert compute_interval(Policy(300, 20, exponential=True), counted) == timedelta(minutes=minutes)


def test_an_interval_above_the_cap_is_kept():
    assert compute_interval(Policy(86_400, 3, exponential=True), 2) == timedelta(days=1)


@pytest.mark.parametrize("counted", [1, 2, 19])
def test_a_fixed_interval_never_grows(counted):
    assert compute_interval(FIVE_TIMES, counted) == timedelta(minutes=5)
