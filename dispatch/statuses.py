"""Keeping ProductStatus equal to the newest live delivery that was not cancelled (ONS-15)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from catalog.models import Product
from dispatch import bulk
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
    list(_pointing_to(delivery_ids).select_for_update(no_key=True).values_list("pk"))


def find_before(delivery_ids: Collection[int]) -> dict[int, int]:
    """Return, for those of these deliveries that a status points to, which one it falls back to when it is cancelled.

    Lock these with the deliveries themselves, in one order: a result of theirs may be on its way into the tables.
    """
    found = _with_before(delivery_ids).values_list("delivery", "before")
    return {delivery_id: before for delivery_id, before in found if before}


def _fall_back_from(delivery_ids: Collection[int], now: datetime) -> None:
    """After a cancellation: point to the delivery before, or remove the status where there is none."""
    statuses = dict(_with_before(delivery_ids).values_list("pk", "before"))
    newest = Delivery.objects.filter(pk__in=filter(None, statuses.values())).order_by("pk")
    before = {each.pk: each for each in newest.only("state", "counted_attempts").select_for_update(no_key=True)}
    bulk.update_rows(
        ProductStatus, [_values_of(before[other], pk, now) for pk, other in statuses.items() if other in before]
    )
    ProductStatus.objects.filter(pk__in=[pk for pk, other in statuses.items() if other not in before]).delete()


def _values_of(delivery: Delivery, status_id: int, now: datetime) -> dict[str, Any]:
    failed = delivery.counted_attempts - (delivery.state == State.DELIVERED)
    changes = {"delivery": delivery.pk, "state": delivery.state, "failed_attempts": failed, "changed_at": now}
    return {"id": status_id, **changes}


def _pointing_to(delivery_ids: Collection[int]) -> QuerySet[ProductStatus]:
    # By the columns: by the relations themselves the rows of webhooks and products would be joined for their names,
    # and locked with the others, long after their turn.
    return ProductStatus.objects.filter(delivery__in=delivery_ids).order_by("webhook_id", "product_id")


def _with_before(delivery_ids: Collection[int]) -> QuerySet[Any]:
    """The statuses that point to these, each with `before`: the newest other live delivery that is not cancelled."""
    same = Delivery.objects.filter(
        webhook=OuterRef("webhook"), subject=OuterRef("delivery__subject"), event__mode=Mode.LIVE
    )
    others = same.exclude(state=State.CANCELLED).exclude(pk=OuterRef("delivery")).order_by("-pk")
    return _pointing_to(delivery_ids).annotate(before=Subquery(others.values("pk")[:1]))
