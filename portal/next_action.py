"""The one thing to do next, who does it, and who acts after that. Decided from rows that are already read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from dispatch.pages.health import Health
from webhooks.models import StoppedReason, Webhook

# Whose turn it is.
YOU, COLLEAGUE, OPERATOR, NOBODY = "you", "colleague", "operator", "nobody"


class Row(Protocol):
    """What the decision needs to know of a webhook."""

    @property
    def webhook(self) -> Webhook: ...
    @property
    def health(self) -> Health: ...
    @property
    def products(self) -> int: ...


@dataclass(frozen=True)
class NextAction:
    """`after` is empty when nobody has to act afterwards; `since` where something has been wrong for a while."""

    title: str
    text: str
    owner: str
    url: str
    button: str
    after: str = ""
    since: datetime | None = None


def decide_next_action(rows: Sequence[Row], actor: Actor) -> NextAction:
    """Return what to do first: mend before completing, complete before trying out."""
    if not rows:
        return _create_the_first(actor)
    for concerns, propose in _RULES:
        for row in rows:
            if concerns(row):
                return _add_others(propose(row, actor), row, rows)
    if not any(row.webhook.active for row in rows):
        return _activate(rows[0], actor)
    return _nothing_to_do()


def _nothing_to_do() -> NextAction:
    return NextAction(
        title=_("Nothing to do: your webhooks are healthy"),
        text=_("Each new version of the products you chose is on its way within a second of being published."),
        owner=NOBODY,
        url=reverse("catalog:publication-list"),
        button=_("See the publications"),
    )


def _create_the_first(actor: Actor) -> NextAction:
    return NextAction(
        title=_("Create your first webhook"),
        text=_("A webhook is an address of yours that we call when a product is published. You say which products."),
        owner=_whose(actor),
        url=reverse("webhooks:webhook-create" if actor.can_configure else "webhooks:webhook-list"),
        button=_("New webhook") if actor.can_configure else _("See the webhooks"),
        after=_("From the next publication on, a POST goes to that address within a second."),
    )


def _mend(row: Row, actor: Actor) -> NextAction:
    health, diagnosis = row.health, row.health.diagnosis
    operators = row.webhook.participant.blocked or _paused(row) or (diagnosis and diagnosis.side == "operator")
    return NextAction(
        title=_mending(row) % {"webhook": row.webhook.description},
        text=str(diagnosis.happened) if diagnosis else health.state.below,
        owner=OPERATOR if operators else _whose(actor),
        url=_details(row),
        button=_("See what happened"),
        after=_("Then send again what is pending: nothing that was published is lost."),
        since=health.since,
    )


def _mending(row: Row) -> str:
    if row.webhook.participant.blocked:
        return _("%(webhook)s is called again when the operator lets it")
    if _paused(row):
        return _("%(webhook)s waits for operations to start it again")
    if row.webhook.stopped:
        return _("Fix %(webhook)s, which is stopped")
    if row.health.diagnosis and row.health.diagnosis.code == "auth_incomplete":
        return _("Complete the authentication of %(webhook)s")
    return _("Fix %(webhook)s, which is failing")


def _add_others(action: NextAction, row: Row, rows: Sequence[Row]) -> NextAction:
    """One at a time, but no reader takes it for the only one."""
    n = sum(other.health.problem for other in rows if other is not row)
    if not n or not row.health.problem:
        return action
    words = ngettext("And %(n)s more webhook has a problem.", "And %(n)s more webhooks have a problem.", n) % {"n": n}
    return replace(action, text=f"{action.text} {words}".strip())


def _choose_products(row: Row, actor: Actor) -> NextAction:
    return NextAction(
        title=_("Choose the products of %(webhook)s") % {"webhook": row.webhook.description},
        text=_("It is active, but no product is selected: it receives nothing."),
        owner=_whose(actor),
        url=reverse("webhooks:webhook-edit", args=[row.webhook.uuid]) if actor.can_configure else _details(row),
        button=_("Choose products") if actor.can_configure else _("See the webhook"),
        after=_("From the next publication on, a POST goes to that address within a second."),
    )


def _try_out(row: Row, actor: Actor) -> NextAction:
    return NextAction(
        title=_("Try out %(webhook)s") % {"webhook": row.webhook.description},
        text=_("Nothing was sent to it yet. Press Send beside a product and see the answer of your receiver at once."),
        owner=_whose(actor),
        url=_details(row),
        button=_("Open the webhook"),
    )


def _activate(row: Row, actor: Actor) -> NextAction:
    return NextAction(
        title=_("All your webhooks are inactive"),
        text=_("Publications make no notification while the status is inactive."),
        owner=_whose(actor),
        url=reverse("webhooks:webhook-edit", args=[row.webhook.uuid]) if actor.can_configure else _details(row),
        button=_("Activate %(webhook)s") % {"webhook": row.webhook.description}
        if actor.can_configure
        else _("See the webhook"),
    )


def _paused(row: Row) -> bool:
    """Only operations can start it again."""
    return row.webhook.stopped_reason == StoppedReason.PAUSED


def _details(row: Row) -> str:
    return reverse("dispatch:webhook-detail", args=[row.webhook.uuid])


def _whose(actor: Actor) -> str:
    return YOU if actor.can_configure else COLLEAGUE


_RULES: tuple[tuple[Callable[[Row], bool], Callable[[Row, Actor], NextAction]], ...] = (
    (lambda row: row.health.problem and not _paused(row), _mend),
    (lambda row: row.health.problem, _mend),
    (lambda row: row.webhook.active and not row.products, _choose_products),
    (lambda row: row.health.state.icon == "hourglass", _try_out),
)
