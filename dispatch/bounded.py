"""Counts that read no further than they show: pages of operations stand before tables of millions."""

from collections.abc import Collection
from typing import Any

from django.db.models import IntegerField, OuterRef, Subquery

from dispatch.models import Delivery, State
from webhooks.models import Webhook

# Of one webhook: what is more shows as "1,000+".
OPEN_AT_MOST = 1_000


class BoundedCount(Subquery):
    """How many rows a correlated, sliced query has: never more are read than its slice lets through."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) bounded)"
    output_field = IntegerField()


class BoundedFailures(Subquery):
    """Of a correlated, sliced query of attempts with the column `succeeded`: how many did not."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) bounded WHERE NOT bounded.succeeded)"
    output_field = IntegerField()


def count_open(webhook_ids: Collection[int]) -> dict[int, int]:
    """Return how many notifications wait or are held for each webhook, OPEN_AT_MOST + 1 for more. One query."""
    own = Delivery.objects.filter(webhook=OuterRef("pk")).order_by().values("pk")
    counts: dict[str, Any] = {
        "waiting": BoundedCount(own.filter(state=State.WAITING)[: OPEN_AT_MOST + 1]),
        "held": BoundedCount(own.filter(state=State.HELD)[: OPEN_AT_MOST + 1]),
    }
    rows: Any = Webhook.objects.filter(pk__in=webhook_ids).order_by().annotate(**counts)
    found = {pk: waiting + held for pk, waiting, held in rows.values_list("pk", "waiting", "held")}
    return {pk: min(count, OPEN_AT_MOST + 1) for pk, count in found.items()}


def open_text(count: int) -> str:
    return f"{OPEN_AT_MOST}+" if count > OPEN_AT_MOST else str(count)
