"""Periodic jobs of the outbox."""

import structlog
from celery import shared_task

from notices import sending

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def send_notices() -> None:
    """Send the notices that are due.

    Safe to run twice and at once: each notice is leased to one run. Dying midway leaves it to fall due again when the
    lease ends; then at most the one mail is repeated that was sent and not yet noted.
    """
    if sent := sending.send_due():
        log.info("notices sent", count=sent)
