"""What the home page shows: the next action with its owner, webhooks at a glance, last failures, last publications."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import cast

from django.db.models import Count, OuterRef, Subquery

from access.actors import Actor
from access.models import Participant
from catalog.models import Publication
from dispatch import clock
from dispatch.models import Attempt, Delivery, ProductStatus, State
from dispatch.pages.batches import Strip, load_strips
from dispatch.pages.figures import MEDIAN_OF, Figures, find_median, load_sparks, load_totals
from dispatch.pages.health import Health, load_health
from dispatch.pages.recent import event_title
from dispatch.pages.states import StateView, describe_delivery, seconds_text
from dispatch.pending import count_pending
from portal import told
from portal.next_action import NextAction, decide_next_action
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import ProductSubscription, Webhook

FAILURES = 4
WEBHOOKS = 10
PUBLICATIONS = 5


@dataclass(frozen=True)
class WebhookRow:
    webhook: Webhook
    health: Health
    pending: int
    products: int
    strip: Strip | None = None


@dataclass(frozen=True)
class FailureRow:
    delivery: Delivery
    title: str
    state: StateView

    @property
    def side(self) -> str:
        diagnosis = DIAGNOSES.get(self.delivery.last_diagnosis)
        return diagnosis.side if diagnosis else ""


@dataclass(frozen=True)
class PublicationRow:
    publication: Publication
    told: StateView


class Home:
    """Read as the template asks; the number of queries does not depend on how many webhooks there are."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.participant = cast(Participant, actor.participant)
        self.now: datetime = clock.now()

    @cached_property
    def webhooks(self) -> list[WebhookRow]:
        """Those with a problem first, then by name."""
        found = list(Webhook.objects.for_actor(self.actor).live().select_related("participant").order_by("description"))
        ids = [webhook.pk for webhook in found]
        health, pending, products = load_health(found), count_pending(ids), self._products(ids)
        strips = load_strips(pending)
        rows = [
            WebhookRow(
                webhook=each,
                health=health[each.pk],
                pending=pending[each.pk].total,
                products=products.get(each.pk, 0),
                strip=strips.get(each.pk),
            )
            for each in found
        ]
        return sorted(rows, key=lambda row: not row.health.problem)

    @cached_property
    def first_webhooks(self) -> list[tuple[WebhookRow, Figures]]:
        """Those that the page shows, each with its last fourteen days; the list of webhooks has them all."""
        shown = self.webhooks[:WEBHOOKS]
        figures = load_sparks([row.webhook.pk for row in shown], now=self.now)
        return [(row, figures[row.webhook.pk]) for row in shown]

    @property
    def has_more_webhooks(self) -> bool:
        return len(self.webhooks) > WEBHOOKS

    @cached_property
    def next_action(self) -> NextAction:
        return decide_next_action(self.webhooks, self.actor)

    @cached_property
    def totals(self) -> tuple[int, int]:
        """Attempts that succeeded and failed in fourteen days, of all webhooks."""
        return load_totals([row.webhook.pk for row in self.webhooks], now=self.now)

    @property
    def pending(self) -> int:
        return sum(row.pending for row in self.webhooks)

    @cached_property
    def median(self) -> str:
        """How long receivers took for the last notification of each product that was delivered, the middle one."""
        last = Attempt.objects.filter(delivery=OuterRef("delivery"), number=OuterRef("delivery__attempts_made"))
        delivered = ProductStatus.objects.filter(
            webhook__in=[row.webhook.pk for row in self.webhooks], state=State.DELIVERED
        )
        times = delivered.annotate(took=Subquery(last.values("duration_ms"))).values_list("took", flat=True)
        return seconds_text(find_median((took, 1) for took in times[:MEDIAN_OF] if took is not None)) or "–"

    @cached_property
    def failures(self) -> Sequence[FailureRow]:
        """Products whose last notification failed or is being tried again, the newest first."""
        ids = [row.webhook.pk for row in self.webhooks]
        statuses = ProductStatus.objects.filter(told.gone_wrong(), webhook__in=ids).order_by("-changed_at")
        wanted = statuses.select_related("delivery__webhook", "delivery__event__publication__product")
        found = wanted.defer("delivery__body", "delivery__event__payload")[:FAILURES]
        return [
            FailureRow(each.delivery, event_title(each.delivery.event), describe_delivery(each.delivery, now=self.now))
            for each in found
        ]

    @cached_property
    def publications(self) -> Sequence[PublicationRow]:
        visible = Publication.objects.visible_to(self.participant).newest_first()
        found = list(visible.select_related("product__process")[:PUBLICATIONS])
        active = [row.webhook.pk for row in self.webhooks if row.webhook.active]
        summary = told.summarise({each.product_id for each in found}, found, active)
        return [PublicationRow(each, summary.describe(each.product_id, each)) for each in found]

    @staticmethod
    def _products(webhook_ids: Sequence[int]) -> dict[int, int]:
        selected = ProductSubscription.objects.filter(webhook__in=webhook_ids).order_by()
        return dict(selected.values_list("webhook_id").annotate(n=Count("pk")))
