"""Keeping ProductStatus equal to the newest live delivery that was not cancelled (ONS-15)."""

from collections.abc import Collection
from datetime import datetime

from catalog.models import Product
from dispatch.models import Delivery, Mode, ProductStatus, State


def point_to(delivery: Delivery, product: Product, *, now: datetime) -> None:
    """Make `delivery`, just written, the product's status on its webhook. Needs its transaction."""
    ProductStatus.objects.update_or_create(
        webhook_id=delivery.webhook_id,
        product=product,
        defaults={"delivery": delivery, "state": delivery.state, "failed_attempts": 0, "changed_at": now},
    )


def set_state(delivery_ids: Collection[int], state: str, *, now: datetime) -> None:
    """Follow a change of state of some deliveries."""
    ProductStatus.objects.filter(delivery__in=delivery_ids).update(state=state, changed_at=now)


def fall_back_from(delivery_ids: Collection[int], *, now: datetime) -> None:
    """After a cancellation: point to the delivery before, or remove the status where there is none."""
    for status in ProductStatus.objects.filter(delivery__in=delivery_ids).select_related("delivery"):
        before = _newest_counting(status.delivery)
        if before is None:
            status.delete()
            continue
        status.delivery, status.state, status.changed_at = before, before.state, now
        status.failed_attempts = before.counted_attempts - (before.state == State.DELIVERED)
        status.save(update_fields=["delivery", "state", "failed_attempts", "changed_at"])


def _newest_counting(cancelled: Delivery) -> Delivery | None:
    same = Delivery.objects.filter(webhook_id=cancelled.webhook_id, subject=cancelled.subject, event__mode=Mode.LIVE)
    return same.exclude(state=State.CANCELLED).order_by("-pk").first()
