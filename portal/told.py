"""Which of a participant's webhooks were told of a publication: the words for lists, and the lines of its own page."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import Publication
from dispatch import clock
from dispatch.models import Delivery, State
from dispatch.pages.states import StateView, describe_delivery
from webhooks.models import ProductSubscription, Webhook


@dataclass(frozen=True)
class Line:
    """One webhook beside a publication. `delivery` is None where nothing was sent."""

    webhook: Webhook
    delivery: Delivery | None
    state: StateView

    @property
    def at(self) -> datetime | None:
        if self.delivery is None:
            return None
        return self.delivery.last_attempt_at or self.delivery.created_at


def gone_wrong() -> Q:
    """Return the condition on product statuses whose last notification failed or is being tried again."""
    return Q(state=State.FAILED) | Q(state=State.WAITING, failed_attempts__gt=0)


def summarise(products: Collection[int], publications: Iterable[Publication], webhooks: Collection[int]) -> "Summary":
    """Read who subscribes to `products` and what became of `publications`, both only for `webhooks`. Two queries."""
    subscribed: dict[int, set[int]] = {}
    pairs = ProductSubscription.objects.filter(product__in=products, webhook__in=webhooks)
    for product_id, webhook_id in pairs.values_list("product_id", "webhook_id"):
        subscribed.setdefault(product_id, set()).add(webhook_id)
    return Summary(subscribed, _ends([publication.pk for publication in publications], webhooks), clock.now())


@dataclass(frozen=True, slots=True)
class End:
    """What a list has to know of a delivery: a page asks for hundreds."""

    state: str
    retrying: bool
    leased_until: datetime | None


def _ends(publication_ids: Collection[int], webhook_ids: Collection[int]) -> dict[int, dict[int, End]]:
    found: dict[int, dict[int, End]] = {}
    columns = ("event__publication", "webhook", "state", "counted_attempts", "lease_token", "due_at")
    for publication, webhook, state, counted, lease, due_at in _counting(publication_ids, webhook_ids).values_list(
        *columns
    ):
        end = End(state, state == State.WAITING and counted > 0, due_at if lease else None)
        found.setdefault(publication, {})[webhook] = end
    return found


def _counting(publication_ids: Collection[int], webhook_ids: Collection[int]) -> QuerySet[Delivery]:
    """The deliveries that count, the newest last."""
    deliveries = Delivery.objects.live().exclude(state=State.CANCELLED).filter(webhook__in=webhook_ids)
    return deliveries.filter(event__publication__in=publication_ids).order_by("pk")


@dataclass(frozen=True)
class Summary:
    """By product the webhooks that want it, by publication the deliveries it made."""

    subscribed: dict[int, set[int]]
    newest: dict[int, dict[int, End]]
    now: datetime

    def describe(self, product_id: int, publication: Publication | None) -> StateView:
        wanting = self.subscribed.get(product_id, set())
        made = self.newest.get(publication.pk, {}) if publication else {}
        if not wanting and not made:
            return StateView("idle", "circle-dashed", _("None subscribed"))
        if publication is None:
            return StateView("idle", "hourglass", _("Waiting for the first"))
        return _describe_counts(list(made.values()), len(wanting | made.keys()), self.now)


def _describe_counts(deliveries: Sequence[End], wanted: int, now: datetime) -> StateView:
    told = sum(delivery.state == State.DELIVERED for delivery in deliveries)
    if told == wanted:
        words = ngettext("%(told)s of %(all)s told", "%(told)s of %(all)s told", wanted)
        return StateView("ok", "circle-check", words % {"told": told, "all": wanted})
    tone, icon, what = _worst(deliveries, now)
    return StateView(tone, icon, _("%(told)s of %(all)s, %(state)s") % {"told": told, "all": wanted, "state": what})


def _worst(deliveries: Sequence[End], now: datetime) -> tuple[str, str, str]:
    """What keeps the others from being told; the one that needs a person first."""
    if any(delivery.state == State.FAILED for delivery in deliveries):
        return "bad", "circle-x", _("failed")
    if any(each.retrying and not (each.leased_until and each.leased_until > now) for each in deliveries):
        return "warn", "repeat", _("new attempt coming")
    if any(delivery.state == State.WAITING for delivery in deliveries):
        return "run", "loader-2", _("being sent")
    if any(delivery.state == State.HELD for delivery in deliveries):
        return "idle", "player-pause", _("held")
    return "idle", "circle-dashed", _("not sent yet")


def lines_of(publication: Publication, webhooks: Sequence[Webhook]) -> list[Line]:
    """Return a line for each webhook that wants the product, and for each that was told of the publication."""
    now = clock.now()
    ids = [webhook.pk for webhook in webhooks]
    made = {delivery.webhook_id: delivery for delivery in _counting([publication.pk], ids).defer("body")}
    wanting = ProductSubscription.objects.filter(product=publication.product_id, webhook__in=ids)
    concerned = {*wanting.values_list("webhook_id", flat=True), *made}
    return [_line(webhook, made.get(webhook.pk), now) for webhook in webhooks if webhook.pk in concerned]


def _line(webhook: Webhook, delivery: Delivery | None, now: datetime) -> Line:
    if delivery is not None:
        return Line(webhook, delivery, describe_delivery(delivery, now=now))
    if not webhook.active:
        return Line(webhook, None, StateView("idle", "player-pause", _("Inactive, not told")))
    return Line(webhook, None, StateView("idle", "circle-dashed", _("Not told")))
