"""Tests of webhooks are removed when the bodies of notifications are: their rows hold both sides of an exchange. A
signing secret that was replaced is forgotten once it signs no more."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from webhooks.models import Webhook, WebhookTest

CHUNK = 1_000


def remove_old_tests(now: datetime) -> int:
    """Remove the tests that are too old, chunk by chunk, each its own transaction; return how many there were."""
    old = WebhookTest.objects.filter(at__lt=now - timedelta(days=settings.PORTAL_KEEP_BODIES_DAYS)).order_by("pk")
    removed = 0
    while True:
        with transaction.atomic():
            ids = list(old.values_list("pk", flat=True)[:CHUNK])
            removed += WebhookTest.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < CHUNK:
            return removed


def forget_ended_secrets(now: datetime) -> int:
    """Forget the signing secrets whose overlap is over; return how many there were. One statement: a rotation at the
    same moment has moved the end and keeps its secret."""
    over = Webhook.objects.filter(previous_signing_secret_until__lte=now).exclude(previous_signing_secret="")
    return over.update(previous_signing_secret="")
