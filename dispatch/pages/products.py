"""The products of one webhook, each with its last version and the status of its last notification (ONS-10, ONS-15)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Subquery
from django.utils.translation import gettext as _

from catalog.audience import seen_by
from catalog.models import Product, Publication
from dispatch.errors import SendingRefused
from dispatch.models import Attempt, Delivery, ProductStatus
from dispatch.pages.states import StateView, attempts_text, describe_delivery, is_settled
from dispatch.sending import refuse_unsendable
from webhooks.models import ProductSubscription, Webhook


@dataclass(frozen=True)
class ProductRow:
    """One product's line. `refusal` says why Enviar is not possible, empty when it is."""

    product: Product
    latest: Publication | None
    delivery: Delivery | None
    state: StateView
    attempts: str
    refusal: str

    @property
    def busy(self) -> bool:
        """Whether an attempt is wanted right now and its result not known yet."""
        return self.delivery is not None and self.state.tone == "run"

    @property
    def settled(self) -> bool:
        return self.delivery is None or is_settled(self.delivery)

    @property
    def at(self) -> datetime | None:
        return (self.delivery.last_attempt_at or self.delivery.created_at) if self.delivery else None

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Everything of the row that a reader can see: two equal ones look the same."""
        latest, delivery = self.latest and self.latest.pk, self.delivery and self.delivery.pk
        return (self.product.pk, self.product.name, latest, delivery, self.state, self.attempts, self.refusal, self.at)


def load_product_rows(
    webhook: Webhook, *, now: datetime, words: str = "", product: Product | None = None
) -> list[ProductRow]:
    """Return the rows of the selected products that match `words`, by name, or that of one. Three queries."""
    subscribed = ProductSubscription.objects.filter(webhook=webhook, product=OuterRef("pk"))
    newest = Publication.objects.filter(product=OuterRef("pk")).published().newest_first()
    seen = ExpressionWrapper(seen_by(webhook.participant), output_field=BooleanField())
    products = Product.objects.filter(Exists(subscribed)).matching(words).order_by("name", "pk")
    products = products.select_related("process__macro_process")
    if product is not None:
        products = products.filter(pk=product.pk)
    found = list(products.annotate(latest_id=Subquery(newest.values("pk")[:1]), seen=seen))
    publications = Publication.objects.in_bulk({each.latest_id for each in found if each.seen and each.latest_id})
    for each in found:
        if each.latest_id in publications:
            publications[each.latest_id].product = each
    statuses = {status.product_id: status for status in _load_statuses(webhook, found)}
    refusal = why_not_sendable(webhook)
    return [
        ProductRow(
            product=each,
            latest=publications.get(each.latest_id),
            delivery=getattr(statuses.get(each.pk), "delivery", None),
            state=_describe(each, publications.get(each.latest_id), statuses.get(each.pk), now),
            attempts=_attempts_text(webhook, statuses.get(each.pk)),
            refusal=_refusal_of(each, publications.get(each.latest_id)) or refusal,
        )
        for each in found
    ]


def why_not_sendable(webhook: Webhook) -> str:
    """Return why nothing may be sent to the webhook now, "" when it may."""
    try:
        refuse_unsendable(webhook)
    except SendingRefused as refused:
        return str(refused.message)
    return ""


def _load_statuses(webhook: Webhook, products: list[Any]) -> Any:
    last_attempt = Attempt.objects.filter(delivery=OuterRef("delivery"), number=OuterRef("delivery__attempts_made"))
    statuses = ProductStatus.objects.filter(webhook=webhook, product__in=[product.pk for product in products])
    return (
        statuses.select_related("delivery__event__publication")
        .defer("delivery__body", "delivery__event__payload")
        .annotate(last_ms=Subquery(last_attempt.values("duration_ms")[:1]))
    )


def _attempts_text(webhook: Webhook, status: Any) -> str:
    if status is None:
        return ""
    return attempts_text(status.delivery.counted_attempts, webhook.max_attempts)


def _describe(product: Any, latest: Publication | None, status: Any, now: datetime) -> StateView:
    if status is not None:
        state = describe_delivery(status.delivery, now=now, duration_ms=status.last_ms)
        return _with_version(state, status.delivery.event.publication, latest)
    if latest is None:
        return StateView("idle", "circle-dashed", _("Never published"), _refusal_of(product, latest))
    return StateView("idle", "circle-dashed", _("Not sent yet"), _("Published before this product was selected"))


def _with_version(state: StateView, told: Publication | None, latest: Publication | None) -> StateView:
    """The status is that of the last notification, which need not have been about the last version: then say so."""
    if told is None or latest is None or told.pk == latest.pk:
        return state
    about = _("about %(version)s") % {"version": version_text(told)}
    return StateView(state.tone, state.icon, state.word, f"{state.below} · {about}" if state.below else about)


def version_text(publication: Publication) -> str:
    """Return the period, with the version's number where there is more than one."""
    if publication.version == 1:
        return publication.reference_text
    return f"{publication.reference_text} v{publication.version}"


def _refusal_of(product: Any, latest: Publication | None) -> str:
    if not product.seen:
        return _("This product is not available to this participant any more.")
    if latest is None:
        return _("It can be sent from its first version on")
    return ""
