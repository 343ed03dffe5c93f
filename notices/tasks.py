"""Periodic jobs of the outbox."""

import structlog
from celery import shared_task
from django.utils import timezone

from notices import retention, sending

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def send_notices() -> int:
    """Send the notices that are due.

    Safe to run twice and at once: each notice is leased to one run. Dying midway leaves it to fall due again when the
    lease ends; then at most the one mail is repeated that was sent and not yet noted.
    """
    if sent := sending.send_due():
        log.info("notices sent", count=sent)
    return sent


@shared_task(ignore_result=True)
def remove_notices() -> int:
    """Remove notices that are too old, each hour. Safe to run twice and at once; killed midway, the rest goes next
    time."""
    if removed := retention.remove_old_notices(timezone.now()):
        log.info("notices removed", count=removed)
    return removed
