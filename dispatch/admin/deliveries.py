"""Events, deliveries, attempts and what the dispatchers keep beside them: to look at, never to change."""

import json
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.templatetags.house import state, when
from dispatch.admin.filters import (
    AgeFilter,
    AttemptAgeFilter,
    CauseFilter,
    DeliveryStateFilter,
    EventAgeFilter,
    EventTypeFilter,
    ModeFilter,
    OverdueFilter,
    ResultFilter,
    StatusStateFilter,
    WebhookFilter,
)
from dispatch.admin.read_only import ReadOnlyAdmin, SearchByWebhookMixin, find_webhook_ids, read_uuid
from dispatch.beats import SILENT_AFTER
from dispatch.models import Attempt, Delivery, DispatcherBeat, Event, Lane, Outcome, ProductStatus, State
from dispatch.pages.states import describe_delivery
from webhooks.diagnosis import DIAGNOSES

_RESULTS: dict[str, tuple[str, str]] = {
    Outcome.OPEN: ("run", "loader-2"),
    Outcome.ANSWERED: ("bad", "circle-x"),
    Outcome.NO_ANSWER: ("bad", "circle-x"),
    Outcome.NOT_SENT: ("bad", "ban"),
    Outcome.UNKNOWN: ("warn", "alert-triangle"),
    Outcome.HANDED_BACK: ("idle", "rotate"),
}
_STATES: dict[str, tuple[str, str]] = {
    State.WAITING: ("run", "hourglass"),
    State.HELD: ("idle", "player-pause"),
    State.DELIVERED: ("ok", "circle-check"),
    State.FAILED: ("bad", "circle-x"),
    State.CANCELLED: ("idle", "ban"),
}


class AttemptInline(admin.TabularInline):
    model = Attempt
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    ordering = ("-number",)
    fields = ("number", "slot_at", "outcome", "status", "diagnosis", "duration_ms", "counted")
    readonly_fields = fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Delivery)
class DeliveryAdmin(SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("about", "webhook_link", "participant", "outcome", "due", "tries", "created")
    list_filter = (DeliveryStateFilter, OverdueFilter, AgeFilter, WebhookFilter, CauseFilter)
    list_select_related = ("webhook__participant", "event__publication__product")
    sortable_by = ("created",)
    search_help_text = gettext_lazy("Identifier or webhook-id; address, description, participant or CNPJ")
    ordering = ("-pk",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("identifier", "about", "event", "webhook", "cause", "created_by", "created_at")}),
        (gettext_lazy("State"), {"fields": ("state", "reason", "due_at", "lease_token", "urgent", "finished_at")}),
        (
            gettext_lazy("Attempts"),
            {"fields": ("counted_attempts", "attempts_made", "last_status", "last_diagnosis", "last_attempt_at")},
        ),
        (gettext_lazy("Body"), {"fields": ("body_format", "content_type", "body_text")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).defer("body", "event__payload")

    @admin.display(description=gettext_lazy("about"))
    def about(self, delivery: Delivery) -> str:
        return _about(delivery.event)

    @admin.display(description=gettext_lazy("webhook"))
    def webhook_link(self, delivery: Delivery) -> SafeString:
        return _webhook_link("admin:dispatch_delivery_changelist", delivery)

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, delivery: Delivery) -> str:
        return str(delivery.webhook.participant)

    @admin.display(description=gettext_lazy("state"))
    def outcome(self, delivery: Delivery) -> SafeString:
        # Not the database's clock: that is a question for each row.
        shown = describe_delivery(delivery, now=timezone.now())
        below = format_html('<br><span class="muted">{}</span>', shown.below) if shown.below else ""
        return format_html("{}{}", state(shown, badge=False), below)

    @admin.display(description=gettext_lazy("created at"), ordering="pk")
    def created(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.created_at)

    @admin.display(description=gettext_lazy("due"))
    def due(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.due_at)

    @admin.display(description=gettext_lazy("attempts"))
    def tries(self, delivery: Delivery) -> SafeString:
        return _number(delivery.counted_attempts)

    @admin.display(description=gettext_lazy("body"))
    def body_text(self, delivery: Delivery) -> SafeString | str:
        if delivery.body is None and delivery.body_format:
            return _("Removed after %(days)s days") % {"days": settings.PORTAL_KEEP_BODIES_DAYS}
        return _pre(bytes(delivery.body).decode("utf-8", "replace")) if delivery.body else "–"


@admin.register(Attempt)
class AttemptAdmin(SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("started", "which", "webhook_link", "participant", "result", "answer", "diagnosed", "took")
    list_filter = (ResultFilter, AttemptAgeFilter, WebhookFilter)
    list_select_related = ("webhook__participant",)
    search_help_text = gettext_lazy("Identifier or webhook-id of the notification; address, participant or CNPJ")
    sortable_by = ("started",)
    uuid_field = "delivery__uuid"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("delivery", "number", "webhook", "webhook_version", "slot_at", "finished_at")}),
        (gettext_lazy("Outcome"), {"fields": ("outcome", "counted", "succeeded", "diagnosed", "detail")}),
        (gettext_lazy("What we sent"), {"fields": ("url", "sent_headers", "remote_address", "private")}),
        (gettext_lazy("What came back"), {"fields": ("status", "answer_headers", "answer_body", "answer_cut")}),
        (gettext_lazy("Time"), {"fields": ("duration_ms", "phases")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        columns = ("request_headers", "response_headers", "response_body", "timing")
        return super().get_queryset(request).defer(*columns)

    @admin.display(description=gettext_lazy("started at"), ordering="pk")
    def started(self, attempt: Attempt) -> SafeString | str:
        return when(attempt.slot_at)

    @admin.display(description=gettext_lazy("number"))
    def which(self, attempt: Attempt) -> SafeString:
        return _number(attempt.number)

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, attempt: Attempt) -> str:
        return str(attempt.webhook.participant)

    @admin.display(description=gettext_lazy("result"))
    def result(self, attempt: Attempt) -> SafeString:
        if attempt.succeeded:
            return state(tone="ok", icon="circle-check", word=_("Delivered"), badge=False)
        tone, icon = _RESULTS[attempt.outcome]
        refused = attempt.outcome == Outcome.ANSWERED
        word = _("Refused by the receiver") if refused else attempt.get_outcome_display()
        return state(tone=tone, icon=icon, word=word, badge=False)

    @admin.display(description=gettext_lazy("status"))
    def answer(self, attempt: Attempt) -> SafeString | str:
        return "–" if attempt.status is None else _number(attempt.status)

    @admin.display(description=gettext_lazy("duration in ms"))
    def took(self, attempt: Attempt) -> SafeString | str:
        return "–" if attempt.duration_ms is None else _number(attempt.duration_ms)

    @admin.display(description=gettext_lazy("webhook"))
    def webhook_link(self, attempt: Attempt) -> SafeString:
        return _webhook_link("admin:dispatch_attempt_changelist", attempt)

    @admin.display(description=gettext_lazy("diagnosis"))
    def diagnosed(self, attempt: Attempt) -> str:
        found = DIAGNOSES.get(attempt.diagnosis)
        return str(found.title) if found else attempt.diagnosis or "–"

    @admin.display(description=gettext_lazy("request headers"))
    def sent_headers(self, attempt: Attempt) -> SafeString:
        return _pre("\n".join(f"{name}: {value}" for name, value in attempt.request_headers))

    @admin.display(description=gettext_lazy("response headers"))
    def answer_headers(self, attempt: Attempt) -> SafeString:
        return _pre("\n".join(f"{name}: {value}" for name, value in attempt.response_headers))

    @admin.display(description=gettext_lazy("response excerpt"))
    def answer_body(self, attempt: Attempt) -> SafeString:
        return _pre(attempt.response_body)

    @admin.display(description=gettext_lazy("timing in ms"))
    def phases(self, attempt: Attempt) -> SafeString:
        return _pre(json.dumps(attempt.timing, indent=2))


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("about", "type", "participant", "mode", "occurred", "recorded")
    list_filter = (EventTypeFilter, ModeFilter, EventAgeFilter)
    list_select_related = ("participant", "publication__product")
    search_fields = ("uuid",)
    sortable_by = ("recorded",)
    search_help_text = gettext_lazy("Identifier of the event or of its publication, or a product's code")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("identifier", "type", "about", "source", "participant", "publication", "subject", "mode")}),
        (gettext_lazy("History"), {"fields": ("occurred_at", "recorded_at", "dedupe_key", "schema_version")}),
        (gettext_lazy("Content"), {"fields": ("payload_text",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).defer("payload")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = search_term.replace("\0", "").strip()
        uuid = read_uuid(words)
        if uuid is not None:
            return queryset.filter(uuid=uuid) | queryset.filter(publication__uuid=uuid), False
        return (queryset.filter(publication__product__code__iexact=words), False) if words else (queryset, False)

    @admin.display(description=gettext_lazy("about"))
    def about(self, event: Event) -> str:
        return _about(event)

    @admin.display(description=gettext_lazy("occurred at"))
    def occurred(self, event: Event) -> SafeString | str:
        return when(event.occurred_at)

    @admin.display(description=gettext_lazy("recorded at"), ordering="pk")
    def recorded(self, event: Event) -> SafeString | str:
        return when(event.recorded_at)

    @admin.display(description=gettext_lazy("payload"))
    def payload_text(self, event: Event) -> SafeString:
        return _pre(event.payload)


@admin.register(ProductStatus)
class ProductStatusAdmin(SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("product", "webhook", "participant", "shown_state", "failures", "changed")
    list_filter = (StatusStateFilter, WebhookFilter)
    list_select_related = ("product", "webhook__participant")
    search_help_text = gettext_lazy("Identifier of the webhook; address, description, participant or CNPJ")
    uuid_field = "webhook__uuid"
    # The newest notification first, by the index that a record finds its row with.
    ordering = ("-delivery",)

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, status: ProductStatus) -> str:
        return str(status.webhook.participant)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, status: ProductStatus) -> SafeString:
        tone, icon = _STATES[status.state]
        return state(tone=tone, icon=icon, word=status.get_state_display(), badge=False)

    @admin.display(description=gettext_lazy("failed attempts"))
    def failures(self, status: ProductStatus) -> SafeString:
        return _number(status.failed_attempts)

    @admin.display(description=gettext_lazy("changed at"))
    def changed(self, status: ProductStatus) -> SafeString | str:
        return when(status.changed_at)


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    list_display = ("webhook", "participant", "failures", "failing", "last_success", "opens")
    list_filter = (("failing_since", admin.EmptyFieldListFilter),)
    list_select_related = ("webhook__participant",)
    search_fields = ("webhook__description",)
    search_help_text = gettext_lazy("Identifier of the webhook; address, description, participant or CNPJ")
    ordering = ("-failures_in_row", "pk")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = search_term.replace("\0", "").strip()
        uuid = read_uuid(words)
        if uuid is not None:
            return queryset.filter(webhook__uuid=uuid), False
        return (queryset.filter(pk__in=find_webhook_ids(words)), False) if words else (queryset, False)

    @admin.display(description=gettext_lazy("participant"))
    def participant(self, lane: Lane) -> str:
        return str(lane.webhook.participant)

    @admin.display(description=gettext_lazy("failures in a row"))
    def failures(self, lane: Lane) -> SafeString:
        return _number(lane.failures_in_row)

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
    ordering = ("-beat_at",)

    @admin.display(description=gettext_lazy("alive"))
    def alive(self, beat: DispatcherBeat) -> SafeString:
        if beat.beat_at >= timezone.now() - SILENT_AFTER:
            return state(tone="ok", icon="circle-check", word=_("At work"), badge=False)
        return state(tone="bad", icon="circle-x", word=_("Silent"), badge=False)

    @admin.display(description=gettext_lazy("started at"))
    def started(self, beat: DispatcherBeat) -> SafeString | str:
        return when(beat.started_at)

    @admin.display(description=gettext_lazy("last beat at"))
    def beat(self, beat: DispatcherBeat) -> SafeString | str:
        return when(beat.beat_at)


def _about(event: Event) -> str:
    return str(event.publication) if event.publication else event.subject


def _webhook_link(page: str, row: Any) -> SafeString:
    title = _("Only those of this webhook")
    return format_html('<a href="{}?webhook={}" title="{}">{}</a>', reverse(page), row.webhook_id, title, row.webhook)


def _number(value: int) -> SafeString:
    return format_html('<span class="number">{}</span>', value)


def _pre(text: str) -> SafeString:
    return format_html("<pre>{}</pre>", text)
