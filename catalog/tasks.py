"""Periodic jobs of the catalogue."""

import structlog
from celery import shared_task
from django.utils import timezone

from catalog import orphans

log = structlog.get_logger(__name__)


@shared_task
def remove_orphan_files() -> int:
    """Remove stored files without a publication.

    Safe to run twice at once: a file that the other run has removed is skipped. Dying midway leaves the rest to the
    next run.
    """
    if removed := orphans.remove_orphan_files(timezone.now()):
        log.info("files without a publication removed", count=removed)
    return removed
