"""When the last retry goes out (UNICO-14, UNICO-15), and that dispatch agrees."""

import pytest

from dispatch.retry import Policy, compute_interval
from webhooks.limits import compute_allowed_attempts, compute_last_retry_seconds
from webhooks.models import Backoff

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    ("interval", "attempts", "backoff", "expected"),
    [
        (5 * MINUTE, 5, Backoff.FIXED, 20 * MINUTE),
        (5 * MINUTE, 1, Backoff.FIXED, 0),
        (DAY, 20, Backoff.FIXED, 19 * DAY),
        (5 * MINUTE, 5, Backoff.EXPONENTIAL, (5 + 10 + 20 + 40) * MINUTE),
        (8 * HOUR, 4, Backoff.EXPONENTIAL, (8 + 12 + 12) * HOUR),
        (DAY, 3, Backoff.EXPONENTIAL, 2 * DAY),
    ],
)
def test_last_retry(interval: int, attempts: int, backoff: str, expected: int) -> None:
    assert compute_last_retry_seconds(interval, attempts, backoff) == expected


@pytest.mark.parametrize("backoff", Backoff.values)
@pytest.mark.parametrize("interval", [60, 300, 3 * HOUR, 11 * HOUR, DAY])
def test_dispatch_waits_as_long_as_the_form_reckons(interval: int, backoff: str) -> None:
    policy = Policy(interval, 20, exponential=backoff == Backoff.EXPONENTIAL)
    waits = [compute_interval(policy, attempt).total_seconds() for attempt in range(1, 20)]
    assert sum(waits) == compute_last_retry_seconds(interval, 20, backoff)


def test_attempts_that_fit_into_the_links_life_less_a_day() -> None:
    assert compute_allowed_attempts(DAY, Backoff.FIXED, link_days=7) == 7
    assert compute_allowed_attempts(MINUTE, Backoff.FIXED, link_days=7) == 20
    assert compute_allowed_attempts(DAY, Backoff.FIXED, link_days=1) == 1
