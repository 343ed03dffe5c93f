"""Periodic jobs of connections."""

import structlog
from celery import shared_task
from django.utils import timezone

from connections.expiry_notices import warn_of_expiries
from connections.retention import remove_old_runs, remove_unused_tokens

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def remove_connection_runs() -> int:
    """Remove runs that are a day old, and tokens that nobody has used for days.

    Safe to run twice and at once. Killed midway, the rest goes with the next run.
    """
    if removed := remove_old_runs(timezone.now()):
        log.info("runs of connections removed", count=removed)
    if forgotten := remove_unused_tokens(timezone.now()):
        log.info("unused tokens removed", count=forgotten)
    return removed + forgotten


@shared_task(ignore_result=True)
def warn_of_expiring_certificates() -> int:
    """Write the notices of certificates that are about to expire, each hour.

    Safe to run twice and at once: the database keeps each notice once. Killed midway, the rest follows an hour later.
    """
    if written := warn_of_expiries(timezone.now()):
        log.info("warned of expiring certificates", notices=written)
    return written
