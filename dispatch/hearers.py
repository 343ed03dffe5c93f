"""What waits follows what happens to its webhook, and its owner is told: heard inside the transaction of the change."""

from typing import Any

from access.models import Participant
from access.signals import participant_changed
from catalog.models import Product
from dispatch import actions
from dispatch.models import Delivery, Reason
from dispatch.querysets import DeliveryQuerySet
from dispatch.telling import tell_of_stop
from webhooks.models import Webhook
from webhooks.signals import webhook_changed


def listen() -> None:
    webhook_changed.connect(follow_webhook, dispatch_uid="dispatch.follow_webhook")
    participant_changed.connect(follow_participant, dispatch_uid="dispatch.follow_participant")


def follow_webhook(sender: Any, *, webhook: Webhook, **news: Any) -> None:
    """Cancel or hold what may no longer be sent. Decided by what the webhook is now, so twice does no harm."""
    _follow(webhook)
    # Last: the lane comes after the deliveries in the order of locks.
    tell_of_stop(webhook)


def _follow(webhook: Webhook) -> None:
    deliveries = Delivery.objects.filter(webhook=webhook)
    if webhook.archived:
        actions.cancel(deliveries, reason=Reason.ARCHIVED)
        return
    actions.cancel(_of_unselected_products(webhook, deliveries), reason=Reason.UNSUBSCRIBED)
    if webhook.stopped:
        actions.hold(deliveries, reason=Reason.WEBHOOK_STOPPED)
    elif not webhook.active:
        actions.hold(deliveries, reason=Reason.WEBHOOK_INACTIVE)


def follow_participant(sender: Any, *, participant: Participant, blocked: bool, **news: Any) -> None:
    if blocked:
        actions.hold(Delivery.objects.filter(webhook__participant=participant), reason=Reason.PARTICIPANT_BLOCKED)


def _of_unselected_products(webhook: Webhook, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
    selected = Product.objects.filter(webhook_subscriptions__webhook=webhook)
    subjects = [actions.subject_of(product) for product in selected.only("uuid")]
    return deliveries.filter(event__publication__isnull=False).exclude(subject__in=subjects)
