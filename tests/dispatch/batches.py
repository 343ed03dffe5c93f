"""What the tests of batches start from: presses, products in a state, and what would go."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from access.actors import Actor
from dispatch.batches import start_batch
from dispatch.models import Cause, Delivery, Event, ProductStatus
from dispatch.pending import count_pending
from dispatch.previews import preview_batch
from tests.factories import make_product

BY = Actor.system("test")
ALL, PENDING = Cause.ENVIAR_TUDO, Cause.REENVIAR


def start(webhook, kind=ALL, **over):
    return start_batch(webhook, kind, **{"by": BY, "token": uuid4()} | over)


def subscribe(webhook, **over):
    product = make_product(**over)
    webhook.product_subscriptions.create(product=product)
    return product


def going(webhook, kind=ALL):
    return [item.product for item in preview_batch(webhook, kind).going]


def resendable(webhook):
    return count_pending([webhook.pk])[webhook.pk].resendable


def version_of(item):
    return Event.objects.get(pk=item.event_id).publication


def reasons(webhook, kind=ALL):
    return {item.product: why for item, why in preview_batch(webhook, kind).staying}


def end(deliveries, state="delivered", reason="", **columns):
    """As the record of results leaves them, status included."""
    ids = list(deliveries.values_list("pk", flat=True))
    ended = {"state": state, "reason": reason, "due_at": None, "lease_token": None, "finished_at": timezone.now()}
    ended |= {"counted_attempts": 1, "attempts_made": 1}
    Delivery.objects.filter(pk__in=ids).update(**ended | columns)
    ProductStatus.objects.filter(delivery__in=ids).update(state=state)


def fail(product, reason="exhausted"):
    """Its open notifications came to a bad end."""
    end(Delivery.objects.filter(event__publication__product=product).open(), "failed", reason)


def retry(product):
    """Its waiting notification failed once and is due again later."""
    waiting = Delivery.objects.filter(event__publication__product=product).waiting()
    ids = list(waiting.values_list("pk", flat=True))
    waiting.update(counted_attempts=1, attempts_made=1, due_at=timezone.now() + timedelta(minutes=5))
    ProductStatus.objects.filter(delivery__in=ids).update(failed_attempts=1)


def make_other_event(subject="process:1", number=1):
    return Event.objects.create(
        type="client-transaction",
        source="test",
        subject=subject,
        occurred_at=timezone.now(),
        payload='{"client-transaction":[]}',
        dedupe_key=f"other {subject} {number}",
    )
