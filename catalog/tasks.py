"""Periodic jobs of the catalogue."""

import logging

from celery import shared_task
from django.utils import timezone

from catalog import orphans

log = logging.getLogger(__name__)


@shared_task
def remove_orphan_files() -> None:
    """Remove stored files without a publication.

    Safe to run twice at once: a file that the other run has removed is skipped. Dying midway leaves the rest to the
    next run.
    """
    if removed := orphans.remove_orphan_files(timezone.now()):
        log.info("removed %s stored files without a publication", removed)
