"""Waiting for a result inside a request, for browsers without a script. Few may wait, and not for long: a thread that
waits serves nobody, and a receiver may ask for a file before it answers (trap 1 of the requirements)."""

import threading
import time
from functools import cache

from django.conf import settings

from dispatch.models import Delivery
from dispatch.pages.states import is_settled

PATIENCE_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.1


@cache
def _seats(threads: int) -> threading.BoundedSemaphore:
    # A quarter of the web threads of this process; with fewer than four, nobody waits.
    return threading.BoundedSemaphore(threads // 4)


def wait_for_result(delivery: Delivery) -> Delivery:
    """Return the delivery once its attempt has come to something, or as it is after PATIENCE_SECONDS.

    Returns at once when a quarter of the web threads wait already. Never call it inside a transaction.
    """
    seats = _seats(settings.PORTAL_WEB_THREADS)
    if not seats.acquire(blocking=False):
        return delivery
    try:
        return _watch(delivery, time.monotonic() + PATIENCE_SECONDS)
    finally:
        seats.release()


def _watch(delivery: Delivery, until: float) -> Delivery:
    while not is_settled(delivery) and time.monotonic() < until:
        time.sleep(LOOK_EVERY_SECONDS)
        delivery.refresh_from_db(fields=("state", "reason", "due_at", "lease_token", *_RESULT))
    return delivery


_RESULT = ("counted_attempts", "attempts_made", "last_status", "last_diagnosis", "last_attempt_at")
