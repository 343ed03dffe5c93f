"""The preview of Enviar Tudo and Reenviar Pendentes, in words: what goes out, what stays, and why (experience.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.models import Cause, Event, State
from dispatch.pages.products import version_text, why_not_sendable
from dispatch.pages.recent import event_title
from dispatch.pages.states import StateView
from dispatch.previews import Item, Last, Preview, Stays, preview_batch
from webhooks.models import Webhook

# Of each list; the page says how many there are, and shows all when asked to.
SHOWN = 100
_STAYS_ICONS = {
    Stays.BEING_SENT: ("run", "loader-2"),
    Stays.ON_ITS_WAY: ("run", "hourglass"),
    Stays.DELIVERED: ("ok", "circle-check"),
    Stays.HELD: ("idle", "player-pause"),
    Stays.NOT_AVAILABLE: ("idle", "lock"),
    Stays.EMBARGOED: ("idle", "clock"),
    Stays.INTERRUPTED: ("idle", "hand-stop"),
}


@dataclass(frozen=True)
class GoingRow:
    title: str
    version: str
    note: str


@dataclass(frozen=True)
class StayingRow:
    title: str
    why: StateView


@dataclass
class PreviewPage:
    """What a press would come to. `refused` says why the last one came to nothing."""

    webhook: Webhook
    kind: str
    everything: bool = False
    refused: str = ""

    def __post_init__(self) -> None:
        self.token = uuid4()

    @cached_property
    def preview(self) -> Preview:
        return preview_batch(self.webhook, self.kind)

    @property
    def title(self) -> str:
        return kind_title(self.kind, self.webhook)

    @property
    def kind_word(self) -> str:
        return str(Cause(self.kind).label)

    @property
    def url(self) -> str:
        return create_url(self.webhook, self.kind)

    @cached_property
    def refusal(self) -> str:
        """Why nothing may be sent now, "" when it may."""
        return why_not_sendable(self.webhook)

    @property
    def going(self) -> list[GoingRow]:
        items = list(self._some(self.preview.going))
        events = Event.objects.select_related("publication__product").defer("payload")
        titles = events.in_bulk([item.event_id for item in items if item.event_id])
        return [_going_row(item, titles[item.event_id]) for item in items if item.event_id]

    @property
    def staying(self) -> list[StayingRow]:
        rows = self._some(self.preview.staying)
        return [StayingRow(_staying_title(item), describe_staying(why)) for item, why in rows]

    @property
    def cut(self) -> bool:
        most = max(len(self.preview.going), len(self.preview.staying))
        return most > SHOWN and not self.everything

    @property
    def going_words(self) -> str:
        n = len(self.preview.going)
        return ngettext("Will be sent: %(n)s notification", "Will be sent: %(n)s notifications", n) % {"n": n}

    @property
    def staying_words(self) -> str:
        n = len(self.preview.staying)
        return ngettext("Left out: %(n)s product", "Left out: %(n)s products", n) % {"n": n}

    @property
    def send_words(self) -> str:
        n = len(self.preview.going)
        return ngettext("Send %(n)s notification", "Send %(n)s notifications", n) % {"n": n}

    @property
    def rate(self) -> str:
        """What the webhook's rate limit makes of it, "" without one."""
        limit = self.webhook.rate_limit_count
        if not limit:
            return ""
        n, period = len(self.preview.going), self.webhook.get_rate_limit_period_seconds_display()
        if n <= limit:
            words = _("Rate limit: %(limit)s per %(period)s. All of them fit into it.")
        else:
            words = _("Rate limit: %(limit)s per %(period)s. The others wait for their turn.")
        return words % {"limit": limit, "period": period}

    def _some(self, rows: Sequence[Any]) -> Iterable[Any]:
        return rows if self.everything else rows[:SHOWN]


def kind_title(kind: str, webhook: Webhook) -> str:
    return f"{Cause(kind).label}: {webhook.description}"


def create_url(webhook: Webhook, kind: str) -> str:
    name = "dispatch:batch-send-all" if kind == Cause.ENVIAR_TUDO else "dispatch:batch-resend-pending"
    return reverse(name, args=[webhook.uuid])


def _going_row(item: Item, event: Event) -> GoingRow:
    version = version_text(event.publication) if event.publication else ""
    return GoingRow(item.product.name if item.product else event_title(event), version, _last_words(item.last))


def _staying_title(item: Item) -> str:
    return item.product.name if item.product else item.subject


def _last_words(last: Last | None) -> str:
    if last is None:
        return _("never sent to this webhook")
    moment = {"when": _near(last.last_attempt_at or last.created_at)}
    if last.state == State.DELIVERED:
        return _("delivered %(when)s, goes again") % moment
    if last.state == State.FAILED:
        return _("failed %(when)s") % moment
    if last.retrying:
        return _("failed %(when)s; its next attempt is replaced by this one") % moment
    if last.state == State.HELD:
        return _("held until now; replaced by this one")
    return _("not tried yet; replaced by this one")


def _near(moment: datetime) -> str:
    local = localtime(moment)
    clock = local.strftime("%H:%M")
    if local.date() == localdate():
        return _("today %(time)s") % {"time": clock}
    return f"{date_format(local, _('j M'))} {clock}"


def describe_staying(why: Stays) -> StateView:
    tone, icon = _STAYS_ICONS.get(why, ("idle", "circle-dashed"))
    return StateView(tone, icon, str(why.label))
