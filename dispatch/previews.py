"""What Enviar Tudo and Reenviar Pendentes would send to a webhook now, and what stays and why (ONS-12, ONS-13)."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    Subquery,
    TextChoices,
)
from django.utils.translation import gettext_lazy as _

from catalog.audience import seen_by
from catalog.models import Product, Publication
from dispatch.actions import subject_of
from dispatch.models import Cause, Delivery, Event, Mode, ProductStatus, State
from dispatch.pending import IN_ERROR, failed_events
from webhooks.models import ProductSubscription, Webhook


class Stays(TextChoices):
    """Why something does not go out."""

    NEVER_PUBLISHED = "never_published", _("No version has been published yet")
    EMBARGOED = "embargoed", _("Its first version is not out yet")
    WITHDRAWN = "withdrawn", _("Its versions were withdrawn")
    NOT_AVAILABLE = "not_available", _("Not available to this participant any more")
    BEING_SENT = "being_sent", _("Being sent right now")
    ON_ITS_WAY = "on_its_way", _("Already on its way")
    DELIVERED = "delivered", _("Its last notification was delivered")
    NEVER_SENT = "never_sent", _("Nothing of it was sent to this webhook yet: Send all does that")
    HELD = "held", _("Held: its webhook's page asks what becomes of it")
    INTERRUPTED = "interrupted", _("Not written any more: the sending was stopped before")


class Last(NamedTuple):
    """What is asked of the last notification of something to a webhook."""

    state: str
    counted_attempts: int
    last_attempt_at: datetime | None
    created_at: datetime

    @property
    def retrying(self) -> bool:
        return self.state == State.WAITING and self.counted_attempts > 0


@dataclass(frozen=True, slots=True)
class Item:
    """One product, or one event that is no publication. No rows of the database: five thousand must be read at once."""

    subject: str
    event_id: int | None
    product: Product | None = None
    last: Last | None = None


@dataclass
class Preview:
    """What a press would come to: `going` in the order in which it is written, `staying` with the reason of each."""

    kind: str
    going: list[Item] = field(default_factory=list)
    staying: list[tuple[Item, Stays]] = field(default_factory=list)

    @cached_property
    def digest(self) -> str:
        """Equal for equal things to send: what was confirmed is what goes."""
        return hashlib.sha256("\n".join(sorted(item.subject for item in self.going)).encode()).hexdigest()[:32]

    @property
    def reasons(self) -> list[tuple[Stays, int]]:
        """How many stay for each reason, in the order of the reasons."""
        counts = Counter(why for _item, why in self.staying)
        return [(why, counts[why]) for why in Stays if counts[why]]


class OpenRow(NamedTuple):
    """What an open delivery of a subject means for another sending of it."""

    pk: int
    subject: str
    cause: str
    state: str
    lease_token: UUID | None
    attempts_made: int


def preview_batch(webhook: Webhook, kind: str) -> Preview:
    """Return what `kind` would send to `webhook` now. The same few queries however many products it has."""
    items = _load_products(webhook)
    failed_events = _load_failed_events(webhook) if kind == Cause.REENVIAR else []
    under_way = find_under_way(read_open(webhook, [item.subject for item in (*items, *failed_events)]))
    unpublished = _explain_unpublished([item.product.pk for item in items if item.product and not item.event_id])
    preview = Preview(kind)
    for item in items:
        why = _why_product_stays(item, kind, under_way, unpublished)
        _put(preview, item, why)
    for item in failed_events:
        _put(preview, item, under_way.get(item.subject))
    return preview


def read_open(webhook: Webhook, subjects: Collection[str], *, lock: bool = False) -> list[OpenRow]:
    """Return what is open for these subjects; with `lock`, no claim takes it until the transaction ends."""
    mine = Delivery.objects.filter(webhook=webhook, subject__in=subjects)
    # Each state has its own index; by the subjects alone their whole history would be read.
    rows = mine.waiting().union(mine.filter(state=State.HELD), all=True)
    if lock:
        ids = list(rows.values_list("pk", flat=True))
        rows = Delivery.objects.filter(pk__in=ids).open().order_by("pk").select_for_update(no_key=True)
    return [OpenRow(*values) for values in rows.values_list(*OpenRow._fields)]


def find_under_way(rows: Iterable[OpenRow]) -> dict[str, Stays]:
    """Return the subjects that another sending would only repeat: being sent, or sent by hand and not yet tried."""
    found: dict[str, Stays] = {}
    for row in rows:
        if row.lease_token is not None:
            found[row.subject] = Stays.BEING_SENT
        elif row.cause != Cause.AUTOMATIC and row.state == State.WAITING and not row.attempts_made:
            found.setdefault(row.subject, Stays.ON_ITS_WAY)
    return found


def still_in_error(webhook: Webhook, items: Iterable[Item]) -> set[str]:
    """Return the subjects of those items whose last notification still ended in error, or is being tried again."""
    items = list(items)
    products = {item.product.pk: item.subject for item in items if item.product}
    found = ProductStatus.objects.filter(IN_ERROR, webhook=webhook, product__in=products)
    events = {item.subject for item in items if not item.product}
    return {products[pk] for pk in found.values_list("product", flat=True)} | events


def _put(preview: Preview, item: Item, why: Stays | None) -> None:
    if why is None:
        preview.going.append(item)
    else:
        preview.staying.append((item, why))


def _load_products(webhook: Webhook) -> list[Item]:
    """The selected products by name, each with the event of its last version (if the participant may see it)."""
    subscribed = ProductSubscription.objects.filter(webhook=webhook, product=OuterRef("pk"))
    newest = Publication.objects.filter(product=OuterRef("pk")).published().newest_first()
    seen = ExpressionWrapper(seen_by(webhook.participant), output_field=BooleanField())
    products = Product.objects.filter(Exists(subscribed)).order_by("name", "pk").only("uuid", "code", "name")
    found: list[Any] = list(products.annotate(latest_id=Subquery(newest.values("pk")[:1]), seen=seen))
    events = _load_events([product.latest_id for product in found if product.seen and product.latest_id])
    statuses = ProductStatus.objects.filter(webhook=webhook).order_by()
    columns = (f"delivery__{name}" for name in Last._fields)
    last = {product_id: Last(*values) for product_id, *values in statuses.values_list("product", *columns)}

    def event_of(product: Any) -> int | None:
        return events.get(product.latest_id) if product.seen else None

    return [Item(subject_of(product), event_of(product), product, last.get(product.pk)) for product in found]


def _load_events(publication_ids: Sequence[int]) -> dict[int, int]:
    events = Event.objects.filter(publication__in=publication_ids, mode=Mode.LIVE).order_by()
    return {publication_id: pk for publication_id, pk in events.values_list("publication", "pk") if publication_id}


def _load_failed_events(webhook: Webhook) -> list[Item]:
    """Of each subject that is no product the newest delivery, if it ended in error."""
    failed = failed_events([webhook.pk]).order_by("pk").values_list("subject", "event", *Last._fields)
    return [Item(subject, event_id, last=Last(*values)) for subject, event_id, *values in failed]


def _explain_unpublished(product_ids: Collection[int]) -> dict[int, Stays]:
    """Why products have no version to send. Those that never had any are left out."""
    rows = Publication.objects.filter(product__in=product_ids).order_by().values_list("product")
    to_come = Count("pk", filter=Q(withdrawn_at__isnull=True, published_at__isnull=True))
    found = rows.annotate(to_come=to_come) if product_ids else []
    return {product_id: Stays.EMBARGOED if to_come else Stays.WITHDRAWN for product_id, to_come in found}


def _why_product_stays(
    item: Item, kind: str, under_way: dict[str, Stays], unpublished: dict[int, Stays]
) -> Stays | None:
    product: Any = item.product
    if not product.seen:
        return Stays.NOT_AVAILABLE
    if item.event_id is None:
        return unpublished.get(product.pk, Stays.NEVER_PUBLISHED)
    in_error = _why_not_in_error(item.last) if kind == Cause.REENVIAR else None
    return in_error or under_way.get(item.subject)


def _why_not_in_error(last: Last | None) -> Stays | None:
    if last is None:
        return Stays.NEVER_SENT
    if last.state == State.FAILED or last.retrying:
        return None
    return {State.DELIVERED: Stays.DELIVERED, State.HELD: Stays.HELD}.get(State(last.state), Stays.ON_ITS_WAY)
