"""Deliveries and their attempts: to look at, never to change."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.templatetags.house import when
from dispatch.admin.cells import (
    EMPTY,
    AttemptCells,
    WebhookColumnMixin,
    delivery_state,
    diagnosis_words,
    link_to,
    moment_words,
    number,
    pre,
    publication_link,
)
from dispatch.admin.filters import (
    AgeFilter,
    AttemptAgeFilter,
    CauseFilter,
    DeliveryStateFilter,
    OverdueFilter,
    ResultFilter,
    WebhookFilter,
)
from dispatch.admin.read_only import OrderWordsMixin, ReadOnlyAdmin, SearchByWebhookMixin
from dispatch.models import Attempt, Delivery
from dispatch.pages.delivery import time_phases
from dispatch.pages.recent import event_title
from webhooks.diagnosis import DIAGNOSES, Side
from webhooks.formats import FORMATS

# Of an attempt, what only its own page shows.
_LONG = ("request_headers", "response_headers", "response_body", "timing")


class AttemptInline(AttemptCells, admin.TabularInline):
    model = Attempt
    template = "admin/dispatch/attempts.html"
    extra = 0
    max_num = 0
    can_delete = False
    ordering = ("-number",)
    fields = ("started", "which", "result", "diagnosed", "answer", "took")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).defer(*_LONG)

    @admin.display(description=gettext_lazy("started at"))
    def started(self, attempt: Attempt) -> SafeString | str:
        return link_to(reverse("admin:dispatch_attempt_change", args=[attempt.pk]), when(attempt.slot_at))


@admin.register(Delivery)
class DeliveryAdmin(OrderWordsMixin, WebhookColumnMixin, SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("about", "webhook_link", "outcome", "due", "tries", "created_on")
    list_filter = (DeliveryStateFilter, OverdueFilter, AgeFilter, WebhookFilter, CauseFilter)
    list_select_related = ("webhook__participant", "event__publication__product")
    order_column = "created_on"
    search_help_text = gettext_lazy("Identifier or webhook-id; address, description, participant or CNPJ")
    ordering = ("-pk",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("publication", "webhook", "cause", "created_by", "created_at", "message", "happening")}),
        (gettext_lazy("State"), {"fields": ("outcome", "reason", "due", "lease_token", "urgent", "finished_at")}),
        (
            gettext_lazy("So far"),
            {"fields": ("counted_attempts", "attempts_made", "last_status", "last_why", "last_attempt_at")},
        ),
        (gettext_lazy("Body"), {"fields": ("format_words", "content_type", "body_text")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).defer("body", "event__payload")

    def title_of(self, row: Any) -> str:
        return _("%(about)s for %(webhook)s") % {"about": event_title(row.event), "webhook": row.webhook}

    @admin.display(description=gettext_lazy("about"))
    def about(self, delivery: Delivery) -> str:
        return event_title(delivery.event)

    @admin.display(description=gettext_lazy("about"))
    def publication(self, delivery: Delivery) -> SafeString | str:
        return publication_link(delivery.event)

    @admin.display(description=gettext_lazy("webhook-id"))
    def message(self, delivery: Delivery) -> str:
        return delivery.message_id

    @admin.display(description=gettext_lazy("event"))
    def happening(self, delivery: Delivery) -> SafeString:
        return link_to(reverse("admin:dispatch_event_change", args=[delivery.event_id]), delivery.event.uuid)

    @admin.display(description=gettext_lazy("state"))
    def outcome(self, delivery: Delivery) -> SafeString:
        return delivery_state(delivery)

    @admin.display(description=gettext_lazy("created at"), ordering="pk")
    def created_on(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.created_at)

    @admin.display(description=gettext_lazy("next attempt"))
    def due(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.due_at)

    @admin.display(description=gettext_lazy("attempts"))
    def tries(self, delivery: Delivery) -> SafeString:
        return number(delivery.counted_attempts)

    @admin.display(description=gettext_lazy("last diagnosis"))
    def last_why(self, delivery: Delivery) -> str:
        return diagnosis_words(delivery.last_diagnosis)

    @admin.display(description=gettext_lazy("body format"))
    def format_words(self, delivery: Delivery) -> str:
        found = FORMATS.get(delivery.body_format)
        return str(found.label) if found else delivery.body_format or EMPTY

    @admin.display(description=gettext_lazy("body"))
    def body_text(self, delivery: Delivery) -> SafeString | str:
        if delivery.body is None and delivery.body_format:
            return _("Removed after %(days)s days") % {"days": settings.PORTAL_KEEP_BODIES_DAYS}
        return pre(bytes(delivery.body).decode("utf-8", "replace")) if delivery.body else EMPTY


@admin.register(Attempt)
class AttemptAdmin(OrderWordsMixin, AttemptCells, WebhookColumnMixin, SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("started", "which", "webhook_link", "result", "diagnosed", "answer", "took")
    list_filter = (ResultFilter, AttemptAgeFilter, WebhookFilter)
    list_select_related = ("webhook__participant",)
    order_column = "started"
    search_help_text = gettext_lazy("Identifier or webhook-id of the notification; address, participant or CNPJ")
    uuid_field = "delivery__uuid"
    ordering = ("-pk",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("notification", "number", "webhook", "webhook_version", "slot_at", "finished_at")}),
        (gettext_lazy("Outcome"), {"fields": ("result", "counted", "detail")}),
        (gettext_lazy("Diagnosis"), {"fields": ("diagnosed", "happened", "likely", "advice", "side")}),
        (gettext_lazy("What we sent"), {"fields": ("url", "sent_headers", "remote_address", "private")}),
        (gettext_lazy("What came back"), {"fields": ("status", "answer_headers", "answer_body", "answer_cut")}),
        (gettext_lazy("Time"), {"fields": ("duration_ms", "phases")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).defer(*_LONG)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the diagnosis where there is none."""
        sets = super().get_fieldsets(request, obj)
        return sets if obj is None or obj.diagnosis else [each for each in sets if "advice" not in each[1]["fields"]]

    def title_of(self, row: Any) -> str:
        words = {"n": row.number, "webhook": row.webhook, "time": moment_words(row.slot_at)}
        return _("Attempt %(n)s for %(webhook)s, %(time)s") % words

    @admin.display(description=gettext_lazy("started at"), ordering="pk")
    def started(self, attempt: Attempt) -> SafeString | str:
        return when(attempt.slot_at)

    @admin.display(description=gettext_lazy("delivery"))
    def notification(self, attempt: Attempt) -> SafeString:
        address = reverse("admin:dispatch_delivery_change", args=[attempt.delivery_id])
        return link_to(address, event_title(attempt.delivery.event))

    @admin.display(description=gettext_lazy("what happened"))
    def happened(self, attempt: Attempt) -> str:
        return _of_diagnosis(attempt, "happened")

    @admin.display(description=gettext_lazy("probable cause"))
    def likely(self, attempt: Attempt) -> str:
        return _of_diagnosis(attempt, "cause")

    @admin.display(description=gettext_lazy("what to do"))
    def advice(self, attempt: Attempt) -> str:
        return _of_diagnosis(attempt, "action")

    @admin.display(description=gettext_lazy("whose side"))
    def side(self, attempt: Attempt) -> str:
        found = DIAGNOSES.get(attempt.diagnosis)
        return str(Side(found.side).label) if found else EMPTY

    @admin.display(description=gettext_lazy("request headers"))
    def sent_headers(self, attempt: Attempt) -> SafeString:
        return pre("\n".join(f"{name}: {value}" for name, value in attempt.request_headers))

    @admin.display(description=gettext_lazy("response headers"))
    def answer_headers(self, attempt: Attempt) -> SafeString:
        return pre("\n".join(f"{name}: {value}" for name, value in attempt.response_headers))

    @admin.display(description=gettext_lazy("response excerpt"))
    def answer_body(self, attempt: Attempt) -> SafeString:
        return pre(attempt.response_body)

    @admin.display(description=gettext_lazy("where the time went"))
    def phases(self, attempt: Attempt) -> SafeString | str:
        if not attempt.timing:
            return EMPTY
        rows = [(phase.label, phase.milliseconds) for phase in time_phases(attempt.timing)]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {} ms</li>", rows))


def _of_diagnosis(attempt: Attempt, part: str) -> str:
    found = DIAGNOSES.get(attempt.diagnosis)
    return str(getattr(found, part)) if found else EMPTY
