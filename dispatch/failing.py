"""Webhooks that have failed everything for days: stopped, and asked from time to time whether they are back.

The rule, its figures and its reasons: docs/adr/0008-stopping-and-probing.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_noop

from access.actors import Actor
from dispatch import clock
from dispatch.models import Attempt, Lane
from webhooks.actions import stop_webhook
from webhooks.models import StoppedReason, Webhook

logger = structlog.get_logger(__name__)

# The rest has its turn a minute later.
STOPPED_AT_ONCE = 100
FIRST_PROBE = timedelta(hours=1)
LONGEST_PROBE_PAUSE = timedelta(hours=12)


@dataclass(frozen=True)
class Rule:
    """When a webhook is stopped: every attempt has failed for `lasting`, and at least `attempts` of them did."""

    lasting: timedelta
    attempts: int


def read_rule() -> Rule:
    hours = settings.PORTAL_FAILING_STOP_AFTER_HOURS
    return Rule(timedelta(hours=hours), settings.PORTAL_FAILING_STOP_AFTER_ATTEMPTS)


def compute_probe_pause(probes_made: int) -> timedelta:
    """Return how long to wait before the next probe: 1 h, 2 h, 4 h, 8 h, then 12 h each. Pure."""
    return min(FIRST_PROBE * 2 ** min(probes_made, 10), LONGEST_PROBE_PAUSE)


def stop_failing() -> int:
    """Stop the webhooks that fulfil the rule, each in a transaction of its own; return how many this call stopped.

    Safe to run twice and at once: a webhook is stopped once, and its owner told once, in the same transaction.
    """
    now, rule = clock.now(), read_rule()
    return sum(_stop(webhook_id, now, rule) for webhook_id in find_failing(now, rule)[:STOPPED_AT_ONCE])


def find_failing(now: datetime, rule: Rule) -> list[int]:
    """Return the webhooks that fulfil the rule, those that have been failing for longest first."""
    last_start = Attempt.objects.filter(webhook=OuterRef("webhook"), finished_at__isnull=False).order_by("-slot_at")
    lanes = _failing_lanes(now, rule).filter(webhook__in=_running_webhooks()).order_by("failing_since", "pk")
    rows = lanes.annotate(last_start=Subquery(last_start.values("slot_at")[:1]))
    # A day's trouble with nothing sent since says nothing about today: the last failure counts, not the clock.
    return [
        pk
        for pk, since, last in rows.values_list("pk", "failing_since", "last_start")
        if last is not None and last - since >= rule.lasting
    ]


def _failing_lanes(now: datetime, rule: Rule) -> QuerySet[Lane]:
    return Lane.objects.filter(failing_since__lte=now - rule.lasting, failures_in_row__gte=rule.attempts)


def _running_webhooks() -> QuerySet[Webhook]:
    running: QuerySet[Webhook] = Webhook.objects.live().filter(
        active=True, stopped_at__isnull=True, participant__blocked_at__isnull=True
    )
    return running


def _stop(webhook_id: int, now: datetime, rule: Rule) -> bool:
    """In the order of locks: the webhook, what waits for it (by the hearer of the stop), its lane."""
    with transaction.atomic():
        locked = Webhook.objects.select_for_update(of=("self",), no_key=True)
        webhook = locked.filter(pk__in=_running_webhooks(), pk=webhook_id).first()
        by = Actor.system(gettext_noop("watch over failing webhooks"))
        if webhook is None or not stop_webhook(webhook, reason=StoppedReason.FAILING, by=by):
            return False
        still = _failing_lanes(now, rule).filter(pk=webhook_id)
        if not still.update(probe_at=now + compute_probe_pause(0), probes_made=0):
            # A success was recorded a moment ago: then nothing of this has happened.
            transaction.set_rollback(True)
            return False
    logger.info("failing.stopped", webhook=str(webhook.uuid))
    return True
