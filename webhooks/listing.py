"""What the list of webhooks shows: which ones, in what state, in which words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from django.db.models import Case, Count, Q, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import slots
from outbound.masking import masked_url
from webhooks.auth.registry import METHODS
from webhooks.models import StoppedReason, Webhook
from webhooks.querysets import WebhookQuerySet
from webhooks.searching import find_by_address

# `problem` is what the floor above says: it knows how deliveries fare.
STATES = {
    "": Q(),
    "problem": Q(),
    "active": Q(active=True, stopped_at__isnull=True),
    "stopped": Q(stopped_at__isnull=False),
    "inactive": Q(active=False, stopped_at__isnull=True),
}


@dataclass(frozen=True)
class WebhookFilter:
    state: str = ""
    words: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        state = parameters.get("state", "")
        return cls(state if state in STATES else "", parameters.get("q", "").replace("\0", "")[:100].strip())

    def matching(self, webhooks: WebhookQuerySet) -> WebhookQuerySet:
        """Return those in which every word is found."""
        found = webhooks
        for word in self.words.split():
            found = found.filter(Q(description__icontains=word) | Q(pk__in=find_by_address(webhooks, word)))
        return found

    def in_order(self, matching: WebhookQuerySet) -> WebhookQuerySet:
        """Return those in the state that was asked for, the ones that need their owner first, those that rest last."""
        trouble = _in_trouble()
        found = matching.filter(trouble if self.state == "problem" else STATES[self.state])
        found = found.annotate(
            product_count=Count("product_subscriptions"),
            turn=Case(When(trouble, then=0), When(active=True, then=1), default=2),
        )
        # A grouped query loses the order that the model gives.
        return found.order_by("turn", "description", "pk")

    def parameters(self) -> dict[str, str]:
        return {name: value for name, value in (("state", self.state), ("q", self.words)) if value}


@dataclass(frozen=True)
class WebhookState:
    """Icon, word and colour, for the `state` tag; `reason` in one sentence where there is something to say."""

    tone: str
    icon: str
    word: str
    reason: str = ""


@dataclass(frozen=True)
class WebhookRow:
    webhook: Webhook
    address: str
    state: WebhookState
    facts: str
    detail_url: str


def count_by_state(webhooks: WebhookQuerySet) -> dict[str, int]:
    """Return how many there are in each state, and as `all`. One query."""
    conditions = STATES | {"problem": _in_trouble()}
    counts = {f"in_{name}": Count("pk", filter=condition) for name, condition in conditions.items() if name}
    found = webhooks.aggregate(all=Count("pk"), **counts)
    return {name.removeprefix("in_"): count for name, count in found.items()}


def _in_trouble() -> Q:
    """Which need their owner: stopped or incomplete, and what the floor above adds, which sees the failures."""
    above = slots.call("webhooks_in_trouble")
    return cast(Q, above) if above is not None else Q(stopped_at__isnull=False) | Q(active=True, ready=False)


def build_rows(webhooks: Iterable[Any]) -> list[WebhookRow]:
    """Return a row for each webhook, which must carry `product_count`. The query's values are masked for everybody."""
    return [
        WebhookRow(
            webhook=webhook,
            address=masked_url(webhook.request_uri),
            state=describe_state(webhook),
            facts=_facts(webhook),
            detail_url=slots.call("webhook_detail_url", webhook=webhook) or "",
        )
        for webhook in webhooks
    ]


def describe_state(webhook: Webhook) -> WebhookState:
    """Return the state that the configuration alone tells; how deliveries fare is for floors above to say."""
    if webhook.archived:
        return WebhookState("idle", "archive", _("Archived"))
    if webhook.stopped:
        return _describe_stopped(webhook)
    if not webhook.active:
        reason = _("Nothing is sent while the status is inactive.")
        return WebhookState("idle", "player-pause", _("Inactive"), reason)
    if not webhook.ready:
        reason = _("Nothing is sent before the authentication is complete.")
        return WebhookState("warn", "alert-triangle", _("Attention"), reason)
    return WebhookState("ok", "circle-check", _("Active"))


def _describe_stopped(webhook: Webhook) -> WebhookState:
    if webhook.stopped_reason == StoppedReason.GONE:
        reason = _("The receiver answered 410: the address no longer exists. Nothing is sent until it is changed.")
        return WebhookState("bad", "hand-stop", _("Stopped: 410"), reason)
    if webhook.stopped_reason == StoppedReason.PAUSED:
        reason = _("Operations have paused it. Nothing is sent until they start it again; notifications are held.")
        return WebhookState("warn", "player-pause", _("Paused by operations"), reason)
    reason = _("Every recent attempt failed. Nothing is sent until it is started again in Edit.")
    return WebhookState("bad", "hand-stop", _("Stopped"), reason)


def _facts(webhook: Any) -> str:
    method = METHODS.get(webhook.auth_method)
    count = webhook.product_count
    facts = [
        _("Authentication: %(method)s") % {"method": method.label if method else webhook.auth_method},
        ngettext("%(n)s product", "%(n)s products", count) % {"n": count} if count else _("No product selected"),
    ]
    if webhook.rate_limit_count:
        period = webhook.get_rate_limit_period_seconds_display()
        facts.append(_("%(n)s per %(period)s") % {"n": webhook.rate_limit_count, "period": period})
    return " · ".join(facts)
