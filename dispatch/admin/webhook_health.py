"""The list of webhooks as an answer: how each one is doing, since when, and how much waits for it."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin.worded import breakable
from access.templatetags.house import state as shown
from access.templatetags.house import when
from dispatch.bounded import count_open, open_text
from dispatch.models import Delivery, Lane
from dispatch.pages.health import describe_health, lanes_with_failure
from outbound.masking import masked_url
from webhooks.models import StoppedReason, Webhook

_LANES = Lane.objects.filter(webhook=OuterRef("pk"))
_HELD = Delivery.objects.filter(webhook=OuterRef("pk"), state="held")
_LIVE = Q(archived_at__isnull=True)
_RUNNING = _LIVE & Q(active=True, ready=True, stopped_at__isnull=True)
_PAUSED = Q(stopped_reason=StoppedReason.PAUSED)
_CONDITIONS: dict[str | None, Q] = {
    "failing": _RUNNING & Q(Exists(_LANES.filter(failing_since__isnull=False))),
    "stopped": _LIVE & Q(stopped_at__isnull=False) & ~_PAUSED,
    "paused": _LIVE & _PAUSED,
    "incomplete": _LIVE & Q(active=True, ready=False),
    "held": Q(Exists(_HELD)),
    "healthy": _RUNNING & Q(Exists(_LANES.filter(failing_since__isnull=True, last_success_at__isnull=False))),
}


class HealthFilter(admin.SimpleListFilter):
    """By how deliveries fare. Each choice is answered by an index of lanes or of waiting rows."""

    title = gettext_lazy("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("failing", _("Failing")),
            ("stopped", _("Stopped by the system")),
            ("paused", _("Paused by operations")),
            ("incomplete", _("Authentication incomplete")),
            ("held", _("With notifications held")),
            ("healthy", _("Healthy")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> QuerySet[Webhook]:
        return queryset.filter(_CONDITIONS[chosen]) if (chosen := self.value()) in _CONDITIONS else queryset


class HealthMixin(admin.ModelAdmin):
    """Columns that deliveries tell: two queries for a whole page."""

    # Each choice's count would ask for the health of every webhook.
    show_facets = admin.ShowFacets.NEVER

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == HealthFilter.parameter_name or super().lookup_allowed(lookup, value, request)

    def get_list_display(self, request: HttpRequest) -> Any:
        return ["named", "participant", "health", "waiting", "last_success"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [HealthFilter, *super().get_list_filter(request)]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        webhooks = list(changes.result_list)
        ids = [webhook.pk for webhook in webhooks]
        lanes = {lane.pk: lane for lane in lanes_with_failure(ids)}
        counts = count_open(ids)
        for webhook in webhooks:
            webhook.lane, webhook.open_count = lanes.get(webhook.pk), counts[webhook.pk]
        changes.result_list = webhooks
        return changes

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        webhook: Any = super().get_object(request, object_id, from_field)
        if webhook is not None:
            webhook.lane = lanes_with_failure([webhook.pk]).first()
            webhook.open_count = count_open([webhook.pk])[webhook.pk]
        return webhook

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The page of one says the same of it as the list."""
        given: list[tuple[Any, dict[str, Any]]] = [
            (title, {**options}) for title, options in super().get_fieldsets(request, obj)
        ]
        for _title, options in given:
            if "state" in options["fields"]:
                rest = [name for name in options["fields"] if name != "state"]
                options["fields"] = ("health", "waiting", "last_success", *rest)
        return given

    @admin.display(description=gettext_lazy("webhook"), ordering="description")
    def named(self, webhook: Webhook) -> SafeString:
        address = breakable(masked_url(webhook.request_uri))
        return format_html('{}<br><span class="mono muted">{}</span>', webhook.description, address)

    @admin.display(description=gettext_lazy("state"))
    def health(self, webhook: Any) -> SafeString:
        found = describe_health(webhook, webhook.lane)
        reason = found.diagnosis.title if found.diagnosis else found.state.below
        if not found.problem or not reason:
            return shown(found.state)
        return format_html('{}<br><span class="muted">{}, {}</span>', shown(found.state), reason, when(found.since))

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, webhook: Any) -> SafeString | str:
        count = webhook.open_count
        if not count:
            return "–"
        address = f"{reverse('admin:dispatch_delivery_changelist')}?webhook={webhook.pk}&state=open"
        return format_html('<a class="number" href="{}">{}</a>', address, open_text(count))

    @admin.display(description=gettext_lazy("last success"))
    def last_success(self, webhook: Any) -> SafeString | str:
        return when(webhook.lane.last_success_at if webhook.lane else None)
