"""The list of deliveries of a participant, newest first, a page at a time, never counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.actors import Actor
from catalog.models import Product
from dispatch.actions import subject_of
from dispatch.models import Delivery
from dispatch.pages.newest import find_newest
from dispatch.pages.recent import TITLE_COLUMNS, event_title
from dispatch.pages.states import StateView, describe_delivery
from dispatch.querysets import DeliveryQuerySet
from webhooks.models import Webhook

PAGE = 50
# A search that fits more products than this is no search.
MOST_PRODUCTS = 500
# What a row shows: of the delivery, its state and its webhook.
_COLUMNS = (
    *("uuid", "cause", "state", "reason", "created_at", "due_at", "lease_token", "counted_attempts"),
    *("last_status", "last_diagnosis", "webhook__uuid", "webhook__description"),
)


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
    deliveries = _narrow(Delivery.objects.all(), chosen)
    cursor = _read_cursor(actor, before)
    if cursor is not None:
        deliveries = deliveries.filter(pk__lt=cursor)
    webhooks = Webhook.objects.for_actor(actor)
    if chosen.webhook:
        webhooks = webhooks.filter(pk=chosen.webhook.pk)
    found = find_newest(deliveries, webhooks, PAGE + 1)
    rows = [
        ListRow(delivery, event_title(delivery.event), describe_delivery(delivery, now=now))
        for delivery in _load(actor, found[:PAGE])
    ]
    older = str(rows[-1].delivery.uuid) if rows and len(found) > PAGE else ""
    return ListPage(rows, chosen, older, first=cursor is None)


def _load(actor: Actor, ids: Sequence[int]) -> DeliveryQuerySet:
    columns = (*_COLUMNS, *(f"event__{name}" for name in TITLE_COLUMNS))
    deliveries = Delivery.objects.for_actor(actor).filter(pk__in=ids).order_by("-pk")
    return deliveries.select_related("webhook", "event__publication__product").only(*columns)


def _narrow(deliveries: DeliveryQuerySet, chosen: Chosen) -> DeliveryQuerySet:
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
