from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch import clock
from dispatch.admin import moments
from dispatch.models import Cause, Lane, Mode, Outcome, State
from webhooks import event_types
from webhooks.models import Webhook

_FAILING_SHOWN = 20
# How many of the newest rows a filter without an index looks through.
LOOKED_THROUGH = 200_000


class AgeFilter(admin.SimpleListFilter):
    """By the age of a row: the last hours and days, or one of the last days. `column` names the moment it counts from.

    In place of Django's hierarchy of dates, which reads the whole table for the years that there are.
    """

    title = gettext_lazy("age")
    parameter_name = "age"
    column = "created_at"
    days = 7
    spans: ClassVar[dict[str, timedelta]] = {
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
        "week": timedelta(days=7),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        today = timezone.localdate(clock.now())
        days = [today - timedelta(days=n) for n in range(self.days)]
        return [
            ("hour", _("Last hour")),
            ("day", _("Last 24 hours")),
            ("week", _("Last 7 days")),
            *((day.isoformat(), capfirst(date_format(day, _("l j M")))) for day in days),
            ("older", _("Older than 7 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen, now = self.value() or "", clock.now()
        if chosen in self.spans:
            return moments.since(queryset, self.column, now - self.spans[chosen])
        if chosen == "older":
            return moments.before(queryset, self.column, now - timedelta(days=7))
        day = _read_day(chosen)
        if day is None:
            return queryset
        begin = timezone.make_aware(datetime.combine(day, time.min))
        later = moments.since(queryset, self.column, begin)
        return moments.before(later, self.column, begin + timedelta(days=1))


def _read_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # At the ends of the calendar there is no hour before, and no day after.
    return day if 2000 <= day.year <= 2999 else None


class NewestFilter(admin.SimpleListFilter):
    """By a column without an index, among the newest rows only: a rare value would have the whole table read for it.

    With a webhook chosen it looks at all of that webhook's rows, which have an index.
    """

    column = ""
    id_column = "pk"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        condition = self.find_condition(self.value() or "")
        if condition is None:
            return queryset
        if WebhookFilter.parameter_name in request.GET:
            return queryset.filter(condition)
        newest = queryset.model.objects.aggregate(newest=Max(self.id_column))["newest"] or 0
        return queryset.filter(condition, **{f"{self.id_column}__gt": newest - LOOKED_THROUGH})

    def find_condition(self, chosen: str) -> Q | None:
        """Return what the choice means, None when it is none."""
        return Q(**{self.column: chosen}) if chosen in dict(self.lookup_choices) else None


class CauseFilter(NewestFilter):
    title = gettext_lazy("cause, of the newest 200,000")
    parameter_name = column = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Cause.choices]


class ModeFilter(NewestFilter):
    title = gettext_lazy("mode, of the newest 200,000")
    parameter_name = column = "mode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Mode.choices]


class StatusStateFilter(NewestFilter):
    title = gettext_lazy("state, of the newest 200,000")
    parameter_name = column = "state"
    id_column = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in State.choices]


class ResultFilter(NewestFilter):
    """What came of an attempt, in the words of its list."""

    title = gettext_lazy("result, of the newest 200,000")
    parameter_name = "result"
    conditions: ClassVar[dict[str, Q]] = {
        "delivered": Q(succeeded=True),
        "refused": Q(succeeded=False, outcome=Outcome.ANSWERED),
        "no_answer": Q(outcome=Outcome.NO_ANSWER),
        "not_sent": Q(outcome=Outcome.NOT_SENT),
        "unknown": Q(outcome=Outcome.UNKNOWN),
        "handed_back": Q(outcome=Outcome.HANDED_BACK),
        "open": Q(outcome=Outcome.OPEN),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rest = (Outcome.NO_ANSWER, Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.HANDED_BACK)
        return [
            ("delivered", _("Delivered")),
            ("refused", _("Refused by the receiver")),
            *((outcome.value, str(outcome.label)) for outcome in rest),
            ("open", str(Outcome.OPEN.label)),
        ]

    def find_condition(self, chosen: str) -> Q | None:
        return self.conditions.get(chosen)


class DeliveryStateFilter(admin.SimpleListFilter):
    """By state: those that are rare among millions have an index each; delivered ones are everywhere."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rest = [(value, str(label)) for value, label in State.choices if value != State.WAITING]
        return [
            ("open", _("Waiting or held")),
            (State.WAITING.value, str(State.WAITING.label)),
            ("on_its_way", _("On its way")),
            ("retrying", _("With a new attempt to come")),
            *rest,
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        waiting = queryset.filter(state=State.WAITING)
        if self.value() == "retrying":
            return waiting.filter(counted_attempts__gt=0)
        if self.value() == "on_its_way":
            return waiting.filter(counted_attempts=0, due_at__lte=clock.now())
        if self.value() == "open":
            # Not `in`: each of the two has a partial index, which PostgreSQL finds for an "or" only.
            return queryset.filter(Q(state=State.WAITING) | Q(state=State.HELD))
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


class AttemptAgeFilter(AgeFilter):
    column = "slot_at"


class EventAgeFilter(AgeFilter):
    column = "recorded_at"


class EventTypeFilter(NewestFilter):
    """From the registry: the distinct types of millions of events would take a scan of them."""

    title = gettext_lazy("type, of the newest 200,000")
    parameter_name = column = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(event_type.label)) for name, event_type in event_types.EVENT_TYPES.items()]


class OverdueFilter(admin.SimpleListFilter):
    """Deliveries that should have gone out by now."""

    title = gettext_lazy("next attempt")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", _("Overdue for a minute")), ("sent", _("Being sent")), ("later", _("Due later"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now, waiting = clock.now(), queryset.filter(state="waiting")
        match self.value():
            case "overdue":
                return waiting.filter(due_at__lt=now - timedelta(minutes=1))
            case "sent":
                return waiting.filter(lease_token__isnull=False)
            case "later":
                return waiting.filter(lease_token__isnull=True, due_at__gt=now)
        return queryset


class WebhookFilter(admin.SimpleListFilter):
    """By webhook: offers those that fail right now, and keeps the one that a link or a search led to."""

    title = gettext_lazy("webhook, of those failing now")
    parameter_name = "webhook"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        failing = Lane.objects.filter(failures_in_row__gt=0).order_by("-failures_in_row")
        ids = list(failing.values_list("pk", flat=True)[:_FAILING_SHOWN])
        wanted = Webhook.objects.filter(pk__in=[*ids, *self._chosen()])
        return [(str(each.pk), f"{each} · {each.participant}") for each in wanted.select_related("participant")]

    def has_output(self) -> bool:
        # Stays even when nothing fails: a link may still have chosen one.
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(webhook__in=self._chosen()) if self.value() else queryset

    def _chosen(self) -> list[int]:
        # A number of more digits fits no column.
        chosen = self.value() or ""
        return [int(chosen)] if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19 else []


class FailingFilter(admin.SimpleListFilter):
    """Lanes by whether their webhook fails now. Answered by the index of those that do."""

    title = gettext_lazy("failing")
    parameter_name = "failing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(failing_since__isnull=self.value() == "no") if self.value() else queryset
