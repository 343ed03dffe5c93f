"""What the dispatchers keep beside the deliveries: the last status of each product, lanes, signs of life."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin.columns import titled
from access.templatetags.house import state, when
from dispatch.admin.cells import WebhookColumnMixin, delivery_state, link_to, number, with_line_below
from dispatch.admin.filters import FailingFilter, StatusStateFilter, WebhookFilter
from dispatch.admin.read_only import ReadOnlyAdmin, SearchByWebhookMixin, find_webhook_ids, read_uuid
from dispatch.beats import SILENT_AFTER
from dispatch.models import DispatcherBeat, Lane, ProductStatus
from dispatch.pages.health import describe_health, lanes_with_failure
from dispatch.pages.recent import event_title


@admin.register(ProductStatus)
class ProductStatusAdmin(WebhookColumnMixin, SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("product", "webhook_link", "shown_state", "failures", "changed")
    list_filter = (StatusStateFilter, WebhookFilter)
    list_select_related = ("product", "webhook__participant", "delivery")
    search_help_text = gettext_lazy("Identifier of the webhook; address, description, participant or CNPJ")
    uuid_field = "webhook__uuid"
    # The newest notification first, by the index that a record finds its row with.
    ordering = ("-delivery",)
    fields = ("product", "webhook", "shown_state", "failures", "notification", "changed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductStatus]:
        return super().get_queryset(request).defer("delivery__body")

    def title_of(self, row: Any) -> str:
        return _("%(about)s for %(webhook)s") % {"about": row.product, "webhook": row.webhook}

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, status: ProductStatus) -> SafeString:
        return delivery_state(status.delivery)

    @admin.display(description=gettext_lazy("delivery"))
    def notification(self, status: ProductStatus) -> SafeString:
        address = reverse("admin:dispatch_delivery_change", args=[status.delivery_id])
        return link_to(address, event_title(status.delivery.event))

    @admin.display(description=gettext_lazy("failed attempts"))
    def failures(self, status: ProductStatus) -> SafeString:
        return number(status.failed_attempts)

    @admin.display(description=gettext_lazy("changed at"))
    def changed(self, status: ProductStatus) -> SafeString | str:
        return when(status.changed_at)


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    list_display = ("webhook", "participant", "health", "failures", "failing", "last_success", "opens")
    list_filter = (FailingFilter,)
    list_select_related = ("webhook__participant",)
    search_fields = ("webhook__description",)
    search_help_text = gettext_lazy("Identifier of the webhook; address, description, participant or CNPJ")
    ordering = ("-failures_in_row", "pk")
    fieldsets = (
        (None, {"fields": ("webhook", "participant", "health", "cap", "opens")}),
        (gettext_lazy("Failures"), {"fields": ("failures_in_row", "failing", "last_success", "trouble_told")}),
        (gettext_lazy("While it is stopped"), {"fields": ("probe_at", "probes_made", "stop_told")}),
    )
    cap = titled("in_flight_cap", gettext_lazy("most sends at once"))
    trouble_told = titled("trouble_told_at", gettext_lazy("participant told of the failures at"))
    stop_told = titled("stop_told_at", gettext_lazy("participant told of the stop at"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = search_term.replace("\0", "").strip()
        uuid = read_uuid(words)
        if uuid is not None:
            return queryset.filter(webhook__uuid=uuid), False
        return (queryset.filter(pk__in=find_webhook_ids(words)), False) if words else (queryset, False)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Why each one fails: one query for the page."""
        changes: Any = super().get_changelist_instance(request)
        lanes = list(changes.result_list)
        found = {lane.pk: lane for lane in lanes_with_failure(lane.pk for lane in lanes)}
        for lane in lanes:
            lane.with_failure = found.get(lane.pk)
        changes.result_list = lanes
        return changes

    def title_of(self, row: Any) -> str:
        return str(row.webhook)

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, lane: Lane) -> str:
        return str(lane.webhook.participant)

    @admin.display(description=gettext_lazy("state"))
    def health(self, lane: Any) -> SafeString:
        with_failure = getattr(lane, "with_failure", None) or lanes_with_failure([lane.pk]).first()
        found = describe_health(lane.webhook, with_failure)
        return with_line_below(state(found.state, badge=False), found.state.below)

    @admin.display(description=gettext_lazy("failures in a row"))
    def failures(self, lane: Lane) -> SafeString:
        return number(lane.failures_in_row)

    @admin.display(description=gettext_lazy("failing since"))
    def failing(self, lane: Lane) -> SafeString | str:
        return when(lane.failing_since)

    @admin.display(description=gettext_lazy("last success at"))
    def last_success(self, lane: Lane) -> SafeString | str:
        return when(lane.last_success_at)

    @admin.display(description=gettext_lazy("open from"))
    def opens(self, lane: Lane) -> SafeString | str:
        return when(lane.open_at)


@admin.register(DispatcherBeat)
class DispatcherBeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "alive", "started", "beat")
    fields = list_display
    ordering = ("-beat_at",)

    @admin.display(description=gettext_lazy("state"))
    def alive(self, beat: DispatcherBeat) -> SafeString:
        if beat.beat_at >= timezone.now() - SILENT_AFTER:
            return state(tone="ok", icon="circle-check", word=_("At work"), badge=False)
        return state(tone="bad", icon="circle-x", word=_("Silent"), badge=False)

    @admin.display(description=gettext_lazy("started at"))
    def started(self, beat: DispatcherBeat) -> SafeString | str:
        return when(beat.started_at)

    @admin.display(description=gettext_lazy("last beat at"))
    def beat(self, beat: DispatcherBeat) -> SafeString | str:
        return when(beat.beat_at, "ago")
