"""The list of deliveries of a participant, newest first, a page at a time, never counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.actors import Actor
from catalog.models import Product
from dispatch.actions import subject_of
from dispatch.models import Delivery
from dispatch.pages.recent import event_title
from dispatch.pages.states import StateView, describe_delivery
from dispatch.querysets import DeliveryQuerySet
from webhooks.models import Webhook

PAGE = 50
# A search that fits more products than this is no search.
MOST_PRODUCTS = 500


@dataclass(frozen=True)
class Chosen:
    """What the list is narrowed to; empty values narrow nothing."""

    webhook: Webhook | None = None
    state: str = ""
    words: str = ""

    @property
    def any(self) -> bool:
        return bool(self.webhook or self.state or self.words)


@dataclass(frozen=True)
class ListRow:
    delivery: Delivery
    title: str
    state: StateView


@dataclass(frozen=True)
class ListPage:
    """`older` is the cursor of the next page, empty on the last one; `first` whether this is the first."""

    rows: Sequence[ListRow]
    chosen: Chosen
    older: str
    first: bool


def load_page(actor: Actor, chosen: Chosen, *, before: str, now: datetime) -> ListPage:
    """Return one page. `before` is the uuid of the last delivery of the page before; anything else starts anew."""
    deliveries = _narrow(Delivery.objects.for_actor(actor), chosen)
    cursor = _read_cursor(actor, before)
    if cursor is not None:
        deliveries = deliveries.filter(pk__lt=cursor)
    found = deliveries.select_related("webhook", "event__publication__product").defer(
        "body", "event__payload", "webhook__auth_settings", "webhook__private_ca"
    )
    rows = [
        ListRow(delivery, event_title(delivery.event), describe_delivery(delivery, now=now))
        for delivery in found.order_by("-pk")[: PAGE + 1]
    ]
    older = str(rows[PAGE - 1].delivery.uuid) if len(rows) > PAGE else ""
    return ListPage(rows[:PAGE], chosen, older, first=cursor is None)


def _narrow(deliveries: DeliveryQuerySet, chosen: Chosen) -> DeliveryQuerySet:
    if chosen.webhook:
        deliveries = deliveries.filter(webhook=chosen.webhook)
    if chosen.state:
        deliveries = deliveries.filter(state=chosen.state)
    if chosen.words:
        products = Product.objects.matching(chosen.words).only("uuid")[:MOST_PRODUCTS]
        # By subject, which has an index with the webhook; a product's name has none.
        deliveries = deliveries.filter(subject__in=[subject_of(product) for product in products])
    return deliveries


def _read_cursor(actor: Actor, before: str) -> int | None:
    try:
        uuid = UUID(before)
    except ValueError:
        return None
    return Delivery.objects.for_actor(actor).filter(uuid=uuid).values_list("pk", flat=True).first()
