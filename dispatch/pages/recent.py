"""The last attempts of a webhook, by day, and the pages of the list of deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dispatch.models import Attempt, Delivery, Event, Outcome, Reason, State
from dispatch.pages.products import version_text
from dispatch.pages.states import failure_text, seconds_text
from webhooks import event_types

RECENT = 7


@dataclass(frozen=True)
class RecentAttempt:
    delivery: Delivery
    title: str
    at: datetime
    succeeded: bool
    words: str
    duration: str


@dataclass(frozen=True)
class RecentDay:
    title: str
    attempts: Sequence[RecentAttempt]


def load_recent(webhook_id: int) -> list[RecentDay]:
    """Return the newest attempts of a webhook that came to an end, grouped by day. One query."""
    back = Attempt.objects.filter(
        delivery=OuterRef("delivery"), number__lt=OuterRef("number"), outcome=Outcome.HANDED_BACK
    )
    handed_back = back.order_by().values("delivery").annotate(n=Count("pk")).values("n")
    attempts = (
        Attempt.objects.filter(webhook=webhook_id)
        .exclude(outcome__in=[Outcome.OPEN, Outcome.HANDED_BACK])
        .select_related("delivery__event__publication__product")
        .only(*_COLUMNS)
        .annotate(handed_back=Subquery(handed_back))
        .order_by("-slot_at", "-pk")[:RECENT]
    )
    days: dict[date, list[RecentAttempt]] = {}
    for attempt in attempts:
        days.setdefault(timezone.localdate(attempt.slot_at), []).append(_describe(attempt))
    return [RecentDay(day_title(day), rows) for day, rows in days.items()]


_PUBLICATION = ("version", "period", "period_start", "period_end", "product__name")
# Of an event, what its title is made of.
TITLE_COLUMNS = ("type", *(f"publication__{name}" for name in _PUBLICATION))
_COLUMNS = (
    *("number", "slot_at", "succeeded", "outcome", "status", "diagnosis", "duration_ms"),
    *(f"delivery__{name}" for name in ("uuid", "state", "reason", "attempts_made")),
    *(f"delivery__event__{name}" for name in TITLE_COLUMNS),
)


def event_title(event: Event) -> str:
    """Return what an event is about: product and version, or the type of the event."""
    if event.publication is not None:
        return f"{event.publication.product.name} {version_text(event.publication)}"
    event_type = event_types.EVENT_TYPES.get(event.type)
    return str(event_type.label) if event_type else event.type


def day_title(day: date) -> str:
    today, written = timezone.localdate(), date_format(day, _("j M"))
    if day == today:
        return _("Today, %(day)s") % {"day": written}
    if (today - day).days == 1:
        return _("Yesterday, %(day)s") % {"day": written}
    return date_format(day, "SHORT_DATE_FORMAT") if day.year != today.year else written


def _describe(attempt: Attempt) -> RecentAttempt:
    delivery = attempt.delivery
    number = attempt.number - (getattr(attempt, "handed_back", None) or 0)
    words = [_("attempt %(number)s") % {"number": number}]
    if attempt.status:
        words.append(str(attempt.status))
    elif attempt.outcome != Outcome.ANSWERED:
        words.append(failure_text(None, attempt.diagnosis))
    last = attempt.number == delivery.attempts_made
    if last and delivery.state == State.FAILED and delivery.reason == Reason.EXHAUSTED:
        words.append(delivery.get_reason_display().lower())
    return RecentAttempt(
        delivery=delivery,
        title=event_title(delivery.event),
        at=attempt.slot_at,
        succeeded=attempt.succeeded,
        words=" · ".join(words),
        duration=seconds_text(attempt.duration_ms),
    )
