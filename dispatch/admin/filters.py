from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch import clock
from dispatch.models import Lane
from webhooks import event_types
from webhooks.models import Webhook

_FAILING_SHOWN = 20


class AgeFilter(admin.SimpleListFilter):
    """By the age of a row; `column` names the moment it counts from."""

    title = gettext_lazy("age")
    parameter_name = "age"
    column = "created_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("hour", _("Last hour")),
            ("day", _("Last 24 hours")),
            ("week", _("Last 7 days")),
            ("older", _("Older than 7 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now = clock.now()
        since = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}.get(
            self.value() or ""
        )
        if since:
            return queryset.filter(**{f"{self.column}__gte": now - since})
        if self.value() == "older":
            return queryset.filter(**{f"{self.column}__lt": now - timedelta(days=7)})
        return queryset


class AttemptAgeFilter(AgeFilter):
    column = "slot_at"


class EventAgeFilter(AgeFilter):
    column = "recorded_at"


class EventTypeFilter(admin.SimpleListFilter):
    """From the registry: the distinct types of millions of events would take a scan of them."""

    title = gettext_lazy("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(event_type.label)) for name, event_type in event_types.EVENT_TYPES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(type=self.value()) if self.value() else queryset


class OverdueFilter(admin.SimpleListFilter):
    """Deliveries that should have gone out by now."""

    title = gettext_lazy("due")
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

    title = gettext_lazy("webhook")
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
