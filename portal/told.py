"""Which of a participant's webhooks were told of a publication: the words for lists, and the lines of its own page."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import Publication
from dispatch import clock
from dispatch.models import Delivery, State
from dispatch.pages.states import StateView, describe_delivery, is_in_flight
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
    newest = newest_deliveries([publication.pk for publication in publications], webhooks)
    return Summary(subscribed, newest, clock.now())


def newest_deliveries(publication_ids: Collection[int], webhook_ids: Collection[int]) -> dict[int, dict[int, Delivery]]:
    """Return the newest delivery that counts by publication, then by webhook. One query."""
    found: dict[int, dict[int, Delivery]] = {}
    deliveries = Delivery.objects.live().exclude(state=State.CANCELLED).filter(webhook__in=webhook_ids)
    wanted = deliveries.filter(event__publication__in=publication_ids).order_by("pk")
    # The publication's number alone: an event beside each delivery would cost as much as the deliveries.
    for delivery in wanted.annotate(of=F("event__publication")).defer("body"):
        found.setdefault(delivery.of, {})[delivery.webhook_id] = delivery
    return found


@dataclass(frozen=True)
class Summary:
    """By product the webhooks that want it, by publication the deliveries it made."""

    subscribed: dict[int, set[int]]
    newest: dict[int, dict[int, Delivery]]
    now: datetime

    def describe(self, product_id: int, publication: Publication | None) -> StateView:
        wanting = self.subscribed.get(product_id, set())
        made = self.newest.get(publication.pk, {}) if publication else {}
        if not wanting and not made:
            return StateView("idle", "circle-dashed", _("None subscribed"))
        if publication is None:
            return StateView("idle", "hourglass", _("Waiting for the first"))
        return _describe_counts(list(made.values()), len(wanting | made.keys()), self.now)


def _describe_counts(deliveries: Sequence[Delivery], wanted: int, now: datetime) -> StateView:
    told = sum(delivery.state == State.DELIVERED for delivery in deliveries)
    if told == wanted:
        words = ngettext("%(told)s of %(all)s told", "%(told)s of %(all)s told", wanted)
        return StateView("ok", "circle-check", words % {"told": told, "all": wanted})
    tone, icon, what = _worst(deliveries, now)
    return StateView(tone, icon, _("%(told)s of %(all)s, %(state)s") % {"told": told, "all": wanted, "state": what})


def _worst(deliveries: Sequence[Delivery], now: datetime) -> tuple[str, str, str]:
    """What keeps the others from being told; the one that needs a person first."""
    if any(delivery.state == State.FAILED for delivery in deliveries):
        return "bad", "circle-x", _("failed")
    if any(delivery.retrying and not is_in_flight(delivery, now=now) for delivery in deliveries):
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
    summary = summarise([publication.product_id], [publication], ids)
    made = summary.newest.get(publication.pk, {})
    concerned = summary.subscribed.get(publication.product_id, set()) | made.keys()
    return [_line(webhook, made.get(webhook.pk), now) for webhook in webhooks if webhook.pk in concerned]


def _line(webhook: Webhook, delivery: Delivery | None, now: datetime) -> Line:
    if delivery is not None:
        return Line(webhook, delivery, describe_delivery(delivery, now=now))
    if not webhook.active:
        return Line(webhook, None, StateView("idle", "player-pause", _("Inactive, not told")))
    return Line(webhook, None, StateView("idle", "circle-dashed", _("Not told")))
