"""What is erased of a participant here: its webhooks with every version that ever was, their headers, what they were
subscribed to, and the tests. Their notifications go first (dispatch/erasing.py)."""

from django.db import connection, transaction
from django.db.models import QuerySet

from access.models import Participant
from webhooks.models import (
    EventTypeSubscription,
    ProductSubscription,
    Webhook,
    WebhookHeader,
    WebhookTest,
    WebhookVersion,
)

CHUNK = 100


def webhooks_of(participant: Participant) -> QuerySet[Webhook]:
    return Webhook.objects.filter(participant=participant)


def erase_tests(participant: Participant) -> int:
    """Remove a chunk of its tests; return how many."""
    ids = list(WebhookTest.objects.filter(participant=participant).order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return WebhookTest.objects.filter(pk__in=ids).delete()[0]


def erase_webhooks(participant: Participant) -> int:
    """Remove a chunk of webhooks with all that hangs on them; return how many."""
    with transaction.atomic():
        ids = list(webhooks_of(participant).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return 0
        webhooks = Webhook.objects.filter(pk__in=ids)
        webhooks.update(current_version=None)
        for model in (WebhookHeader, ProductSubscription, EventTypeSubscription, WebhookVersion):
            # As it stands: versions are append-only for everybody else, and nothing points to these rows.
            model.objects.filter(webhook__in=ids)._raw_delete(connection.alias)  # noqa: SLF001
        return int(webhooks._raw_delete(connection.alias))  # noqa: SLF001
