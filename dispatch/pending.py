"""What is pending at a webhook: what Reenviar Pendentes takes up, what is held, which batch runs."""

from collections.abc import Collection
from typing import Any, NamedTuple

from django.db.models import Aggregate, Count, Exists, Max, OuterRef, Q, QuerySet, Value

from dispatch.models import Delivery, ProductStatus, State
from dispatch.models.deliveries import PRODUCT_SUBJECT
from dispatch.querysets import DeliveryQuerySet
from webhooks.models import ProductSubscription

UNTRIED = Q(state=State.WAITING, counted_attempts=0)
# What Reenviar Pendentes takes up: ended in error, or tried in vain and waiting for the next attempt.
IN_ERROR = Q(state=State.FAILED) | Q(state=State.WAITING, failed_attempts__gt=0)


class Pending(NamedTuple):
    """What a person would call pending at a webhook: what Reenviar Pendentes takes up, and what is held.

    `batch`: the key of the batch of which something was not tried yet, 0 when there is none.
    """

    resendable: int
    held: int
    batch: int = 0

    @property
    def total(self) -> int:
        return self.resendable + self.held


def count_pending(webhook_ids: Collection[int]) -> dict[int, Pending]:
    """Return what is pending for each of these webhooks. One query."""
    selected = ProductSubscription.objects.filter(webhook=OuterRef("webhook"), product=OuterRef("product"))
    products = ProductStatus.objects.filter(IN_ERROR, Exists(selected), webhook__in=webhook_ids)
    deliveries = Delivery.objects.filter(webhook__in=webhook_ids)
    parts = (
        _per_webhook(products, 0, Count("pk")),
        _per_webhook(failed_events(webhook_ids), 0, Count("pk")),
        _per_webhook(deliveries.live().filter(state=State.HELD), 1, Count("pk")),
        _per_webhook(deliveries.filter(UNTRIED, batch__isnull=False), 2, Max("batch")),
    )
    counts = {webhook_id: [0, 0, 0] for webhook_id in webhook_ids}
    for webhook_id, place, n in parts[0].union(*parts[1:], all=True):
        counts[webhook_id][place] += n
    return {webhook_id: Pending(*numbers) for webhook_id, numbers in counts.items()}


def _per_webhook(rows: QuerySet[Any], place: int, figure: Aggregate) -> QuerySet[Any]:
    return rows.order_by().values_list("webhook_id").annotate(place=Value(place), n=figure)


def failed_events(webhook_ids: Collection[int]) -> DeliveryQuerySet:
    """Deliveries of events that are no publications: of each subject the newest one, if it ended in error."""
    newer = Delivery.objects.filter(webhook=OuterRef("webhook"), subject=OuterRef("subject"), pk__gt=OuterRef("pk"))
    # By the subject, as the index has it: a webhook may have failed for a hundred thousand publications.
    failed = Delivery.objects.live().filter(webhook__in=webhook_ids, state=State.FAILED)
    failed = failed.exclude(subject__startswith=PRODUCT_SUBJECT)
    return failed.filter(~Exists(newer.exclude(state=State.CANCELLED)))
