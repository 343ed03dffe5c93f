"""Periodic jobs of the portal itself."""

import structlog
from celery import shared_task
from django.utils import timezone

from portal import erasing, retention

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def erase_participants() -> int:
    """Carry on the erasures that operations have ordered, for some seconds each minute. Safe to run twice and at once;
    killed at any line, the next run goes on."""
    return erasing.erase_all()


@shared_task(ignore_result=True)
def remove_leftovers() -> int:
    """Remove what libraries keep and nobody else removes: the admin's own log, counts of sign-ins, incidents that are
    over. Each hour. Safe to run twice and at once; killed midway, the rest goes with the next run."""
    removed = retention.remove_leftovers(timezone.now())
    if any(removed.values()):
        log.info("leftovers removed", **removed)
    return sum(removed.values())
