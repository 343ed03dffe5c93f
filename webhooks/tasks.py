"""Periodic jobs of webhooks."""

import structlog
from celery import shared_task
from django.utils import timezone

from webhooks.retention import forget_ended_secrets, remove_old_tests

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def remove_webhook_tests() -> int:
    """Remove tests that are too old, and signing secrets that sign no more, each hour.

    Safe to run twice and at once. Killed midway, the rest goes with the next run.
    """
    if removed := remove_old_tests(timezone.now()):
        log.info("webhook tests removed", count=removed)
    if forgotten := forget_ended_secrets(timezone.now()):
        log.info("replaced signing secrets forgotten", count=forgotten)
    return removed
