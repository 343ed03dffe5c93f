"""What is erased of a participant here: its notifications with their attempts, its own events, what counts them.

Its webhooks are not called any more: it is blocked. What was in flight then keeps its lease until its result is in.
"""

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from access.models import Participant
from dispatch import clock, tallies
from dispatch.models import Attempt, Delivery, Event, Lane, ProductStatus, SendBatch, WebhookDay
from webhooks.models import Webhook

CHUNK = 500


def deliveries_of(participant: Participant) -> QuerySet[Delivery]:
    return Delivery.objects.filter(webhook__participant=participant)


def in_flight(participant: Participant) -> QuerySet[Delivery]:
    """What a sender holds now. It ends by itself: with a result, or with its lease."""
    return deliveries_of(participant).filter(lease_token__isnull=False, due_at__gt=clock.now())


def erase_deliveries(participant: Participant) -> int:
    """Remove a chunk of notifications with their attempts, whatever their state, but what is in flight; return how
    many. The totals of the metrics stay true: they count numbers."""
    with transaction.atomic():
        idle = Q(lease_token__isnull=True) | Q(due_at__lte=clock.now())
        # By the webhooks' ids and in no order: the table is read by webhook, however many rows others have. What
        # somebody has locked is passed over, so no order is needed to keep two from waiting for each other.
        webhooks = list(Webhook.objects.filter(participant=participant).values_list("pk", flat=True))
        rows = Delivery.objects.filter(idle, webhook__in=webhooks).select_for_update(skip_locked=True)
        ids = list(rows.values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return 0
        _delete(ProductStatus.objects.filter(delivery__in=ids))
        tallies.count_removed(ids)
        _delete(Attempt.objects.filter(delivery__in=ids))
        return _delete(Delivery.objects.filter(pk__in=ids))


def erase_events(participant: Participant) -> int:
    """Remove a chunk of the events that were this participant's own, once nothing of them is left."""
    told = Delivery.objects.filter(event=OuterRef("pk"))
    with transaction.atomic():
        ids = list(events_of(participant).filter(~Exists(told)).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        return _delete(Event.objects.filter(pk__in=ids)) if ids else 0


def events_of(participant: Participant) -> QuerySet[Event]:
    return Event.objects.filter(participant=participant)


def erase_counters(participant: Participant) -> int:
    """Remove batches, lanes, days and statuses of the participant's webhooks, once their notifications are gone."""
    if deliveries_of(participant).exists():
        return 0
    with transaction.atomic():
        kinds = (SendBatch, ProductStatus, Lane, WebhookDay)
        return sum(model.objects.filter(webhook__participant=participant).delete()[0] for model in kinds)


def _delete(rows: QuerySet) -> int:
    """Delete as it stands, without loading bodies first; the database refuses what is still pointed to."""
    return int(rows._raw_delete(connection.alias))  # noqa: SLF001
