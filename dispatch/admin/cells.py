"""What several of the admin's lists and pages show alike: words for codes, numbers, ways to other pages."""

import json
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.templatetags.house import state
from dispatch.models import Attempt, Delivery, Event, Outcome
from dispatch.pages.recent import event_title
from dispatch.pages.states import StateView, describe_delivery
from webhooks import event_types
from webhooks.diagnosis import DIAGNOSES

EMPTY = "–"
_RESULTS: dict[str, tuple[str, str]] = {
    Outcome.OPEN: ("run", "loader-2"),
    Outcome.ANSWERED: ("bad", "circle-x"),
    Outcome.NO_ANSWER: ("bad", "circle-x"),
    Outcome.NOT_SENT: ("bad", "ban"),
    Outcome.UNKNOWN: ("warn", "alert-triangle"),
    Outcome.HANDED_BACK: ("idle", "rotate"),
}


class WebhookColumnMixin(admin.ModelAdmin):
    """The column of the webhook: leads to its rows alone, with its participant below."""

    @admin.display(description=gettext_lazy("webhook"))
    def webhook_link(self, row: Any) -> SafeString:
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        link = format_html(
            '<a href="{}?webhook={}" title="{}">{}</a>',
            page,
            row.webhook_id,
            _("Only those of this webhook"),
            row.webhook,
        )
        return with_line_below(link, row.webhook.participant)


class AttemptCells:
    """What a row tells of an attempt, in the list of all and on the page of its notification."""

    @admin.display(description=gettext_lazy("number"))
    def which(self, attempt: Attempt) -> SafeString:
        return number(attempt.number)

    @admin.display(description=gettext_lazy("result"))
    def result(self, attempt: Attempt) -> SafeString:
        shown = state(describe_attempt(attempt), badge=False)
        uncounted = attempt.outcome != Outcome.OPEN and not attempt.counted
        return with_line_below(shown, _("not counted") if uncounted else "")

    @admin.display(description=gettext_lazy("diagnosis"))
    def diagnosed(self, attempt: Attempt) -> str:
        return diagnosis_words(attempt.diagnosis)

    @admin.display(description=gettext_lazy("status"))
    def answer(self, attempt: Attempt) -> SafeString | str:
        return EMPTY if attempt.status is None else number(attempt.status)

    @admin.display(description=gettext_lazy("duration in ms"))
    def took(self, attempt: Attempt) -> SafeString | str:
        return EMPTY if attempt.duration_ms is None else number(attempt.duration_ms)


def describe_attempt(attempt: Attempt) -> StateView:
    if attempt.succeeded:
        return StateView("ok", "circle-check", _("Delivered"))
    refused = attempt.outcome == Outcome.ANSWERED
    word = _("Refused by the receiver") if refused else attempt.get_outcome_display()
    return StateView(*_RESULTS[attempt.outcome], word)


def delivery_state(delivery: Delivery) -> SafeString:
    """Return the state with the line that says why, the same words wherever a notification is shown."""
    # Not the database's clock: that is a question for each row.
    shown = describe_delivery(delivery, now=timezone.now())
    return with_line_below(state(shown, badge=False), shown.below)


def diagnosis_words(code: str) -> str:
    found = DIAGNOSES.get(code)
    return str(found.title) if found else code or EMPTY


def event_type_words(event: Event) -> SafeString:
    """Return the type in the reader's words, with the code that receivers know below."""
    found = event_types.EVENT_TYPES.get(event.type)
    if found is None:
        return format_html('<span class="mono">{}</span>', event.type)
    return format_html('{}<br><span class="mono muted">{}</span>', found.label, event.type)


def publication_link(event: Event) -> SafeString | str:
    """Return what an event is about, leading to the publication where it is one."""
    if event.publication_id is None:
        return event_title(event)
    address = reverse("admin:catalog_publication_change", args=[event.publication_id])
    return link_to(address, event_title(event))


def link_to(address: str, words: Any) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, words)


def moment_words(moment: datetime) -> str:
    """Return day and time as a title has them."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M}"


def with_line_below(shown: Any, below: Any) -> SafeString:
    if not str(below):
        return format_html("{}", shown)
    return format_html('{}<br><span class="muted">{}</span>', shown, below)


def number(value: int) -> SafeString:
    return format_html('<span class="number">{}</span>', value)


def pre(text: str) -> SafeString:
    return format_html("<pre>{}</pre>", text)


def pretty_json(text: str) -> str:
    """Return JSON with a line for each value; what is no JSON stays as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text
