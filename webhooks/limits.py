"""What a participant may ask for in retries and rate, and when the last retry goes out. Pure."""

from webhooks.models import Backoff

MIN_INTERVAL_MINUTES = 1
MAX_INTERVAL_MINUTES = 1_440
MAX_ATTEMPTS = 20
MAX_RATE = 10_000
BACKOFF_CAP_SECONDS = 12 * 3_600
DAY_SECONDS = 86_400


def compute_last_retry_seconds(interval_seconds: int, max_attempts: int, backoff: str) -> int:
    """Return the seconds from the start of the first attempt to the start of the last one, when all fail."""
    retries = range(max_attempts - 1)
    if backoff == Backoff.FIXED:
        return interval_seconds * len(retries)
    # The cap never makes a wait shorter than the interval itself.
    cap = max(interval_seconds, BACKOFF_CAP_SECONDS)
    return sum(min(interval_seconds * 2**retry, cap) for retry in retries)


def compute_allowed_attempts(interval_seconds: int, backoff: str, link_days: int) -> int:
    """Return the most attempts that fit into the life of a download link less a day (at least 1)."""
    room = (link_days - 1) * DAY_SECONDS
    fitting = [
        attempts
        for attempts in range(1, MAX_ATTEMPTS + 1)
        if compute_last_retry_seconds(interval_seconds, attempts, backoff) <= room
    ]
    return fitting[-1] if fitting else 1
