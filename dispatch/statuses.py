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


def follow(delivery_ids: Collection[int], state: str, *, now: datetime) -> None:
    """Follow a change of some deliveries, whose rows the transaction has locked, to `state`."""
    if state == State.CANCELLED:
        _fall_back_from(delivery_ids, now)
    else:
        ProductStatus.objects.filter(delivery__in=delivery_ids).update(state=state, changed_at=now)


def lock(delivery_ids: Collection[int]) -> None:
    """Lock the statuses that point to these deliveries, in the order in which the fan-out writes them."""
    rows = ProductStatus.objects.filter(delivery__in=delivery_ids).order_by("webhook", "product")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def _fall_back_from(delivery_ids: Collection[int], now: datetime) -> None:
    """After a cancellation: point to the delivery before, or remove the status where there is none."""
    statuses = ProductStatus.objects.filter(delivery__in=delivery_ids).order_by("webhook", "product")
    for status in statuses.select_related("delivery"):
        before = _newest_counting(status.delivery)
        if before is None:
            status.delete()
            continue
        status.delivery, status.state, status.changed_at = before, before.state, now
        status.failed_attempts = before.counted_attempts - (before.state == State.DELIVERED)
        status.save(update_fields=["delivery", "state", "failed_attempts", "changed_at"])


def _newest_counting(cancelled: Delivery) -> Delivery | None:
    same = Delivery.objects.filter(webhook_id=cancelled.webhook_id, subject=cancelled.subject, event__mode=Mode.LIVE)
    # Locked: its result may be on its way into the tables, and the status must show the state after that.
    return same.exclude(state=State.CANCELLED).order_by("-pk").select_for_update(no_key=True).first()
