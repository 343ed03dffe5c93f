"""Events: what happened, as it was written down, and the way to whom it was told."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.templatetags.house import when
from dispatch.admin.cells import event_type_words, link_to, pre, pretty_json, publication_link
from dispatch.admin.filters import EventAgeFilter, EventTypeFilter, ModeFilter
from dispatch.admin.read_only import OrderWordsMixin, ReadOnlyAdmin, read_uuid
from dispatch.models import Event
from dispatch.pages.recent import event_title


@admin.register(Event)
class EventAdmin(OrderWordsMixin, ReadOnlyAdmin):
    list_display = ("about", "type_words", "participant", "mode", "occurred", "recorded")
    list_filter = (EventTypeFilter, ModeFilter, EventAgeFilter)
    list_select_related = ("participant", "publication__product")
    search_fields = ("uuid",)
    order_column = "recorded"
    search_help_text = gettext_lazy("Identifier of the event or of its publication, or a product's code")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("type_words", "publication_words", "participant", "mode", "told")}),
        (
            gettext_lazy("As recorded"),
            {"fields": ("identifier", "source", "subject", "occurred_at", "recorded_at", "dedupe_key")},
        ),
        (gettext_lazy("Content"), {"fields": ("schema_version", "payload_text")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).defer("payload")

    def title_of(self, row: Any) -> str:
        return event_title(row)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = search_term.replace("\0", "").strip()
        uuid = read_uuid(words)
        if uuid is not None:
            return queryset.filter(uuid=uuid) | queryset.filter(publication__uuid=uuid), False
        return (queryset.filter(publication__product__code__iexact=words), False) if words else (queryset, False)

    @admin.display(description=gettext_lazy("about"))
    def about(self, event: Event) -> str:
        return event_title(event) if event.publication else event.subject

    @admin.display(description=gettext_lazy("publication"))
    def publication_words(self, event: Event) -> SafeString | str:
        return publication_link(event)

    @admin.display(description=gettext_lazy("type"))
    def type_words(self, event: Event) -> SafeString:
        return event_type_words(event)

    @admin.display(description=gettext_lazy("deliveries"))
    def told(self, event: Event) -> SafeString:
        # By the index of the reference.
        address = f"{reverse('admin:dispatch_delivery_changelist')}?event={event.pk}"
        return link_to(address, _("Show those of this event"))

    @admin.display(description=gettext_lazy("occurred at"))
    def occurred(self, event: Event) -> SafeString | str:
        return when(event.occurred_at)

    @admin.display(description=gettext_lazy("recorded at"), ordering="pk")
    def recorded(self, event: Event) -> SafeString | str:
        return when(event.recorded_at)

    @admin.display(description=gettext_lazy("JSON"))
    def payload_text(self, event: Event) -> SafeString:
        return pre(pretty_json(event.payload))
