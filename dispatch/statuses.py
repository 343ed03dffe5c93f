"""Keeping ProductStatus equal to the newest live delivery that was not cancelled (ONS-15)."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, Subquery

from catalog.models import Product
from dispatch.models import Delivery, Mode, ProductStatus, State


def point_to(delivery: Delivery, product: Product, *, now: datetime) -> None:
    """Make `delivery`, just written, the product's status on its webhook, unless a newer one is it already.

    Needs the delivery's transaction.
    """
    values = {"delivery": delivery, "state": delivery.state, "failed_attempts": 0, "changed_at": now}
    mine = {"webhook_id": delivery.webhook_id, "product": product}
    _status, created = ProductStatus.objects.get_or_create(**mine, defaults=values)
    if not created:
        # One statement: a publication that commits meanwhile may have written a newer delivery.
        ProductStatus.objects.filter(**mine, delivery__lt=delivery.pk).update(**values)


def follow(delivery_ids: Collection[int], state: str, *, now: datetime) -> None:
    """Follow a change of some deliveries, whose rows the transaction has locked, to `state`."""
    lock(delivery_ids)
    if state == State.CANCELLED:
        _fall_back_from(delivery_ids, now)
        return
    counted = Delivery.objects.filter(pk=OuterRef("delivery")).values("counted_attempts")
    ProductStatus.objects.filter(delivery__in=delivery_ids).update(
        state=state, failed_attempts=Subquery(counted), changed_at=now
    )


def lock(delivery_ids: Collection[int]) -> None:
    """Lock the statuses that point to these deliveries, in the order in which the fan-out writes them."""
    rows = ProductStatus.objects.filter(delivery__in=delivery_ids).order_by("webhook", "product")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def find_before(delivery_ids: Collection[int]) -> dict[int, int]:
    """Return, for those of these deliveries that a status points to, which one it falls back to when it is cancelled.

    Lock these with the deliveries themselves, in one order: a result of theirs may be on its way into the tables.
    """
    statuses = ProductStatus.objects.filter(delivery__in=delivery_ids).select_related("delivery").order_by()
    before = {status.delivery_id: _newest_counting(status.delivery) for status in statuses}
    return {pk: found.pk for pk, found in before.items() if found}


def _fall_back_from(delivery_ids: Collection[int], now: datetime) -> None:
    """After a cancellation: point to the delivery before, or remove the status where there is none."""
    statuses = ProductStatus.objects.filter(delivery__in=delivery_ids).order_by("webhook", "product")
    for status in statuses.select_related("delivery"):
        before = _newest_counting(status.delivery, lock=True)
        if before is None:
            status.delete()
            continue
        status.delivery, status.state, status.changed_at = before, before.state, now
        status.failed_attempts = before.counted_attempts - (before.state == State.DELIVERED)
        status.save(update_fields=["delivery", "state", "failed_attempts", "changed_at"])


def _newest_counting(cancelled: Delivery, *, lock: bool = False) -> Delivery | None:
    same = Delivery.objects.filter(webhook_id=cancelled.webhook_id, subject=cancelled.subject, event__mode=Mode.LIVE)
    before = same.exclude(state=State.CANCELLED).exclude(pk=cancelled.pk).order_by("-pk")
    return (before.select_for_update(of=("self",), no_key=True) if lock else before).first()
