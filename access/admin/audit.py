import json
import re
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import cnpj
from access.admin.audit_exporting import ExportingMixin
from access.audit_words import action_words, type_words
from access.models import AuditEntry

_VERSION = re.compile(r"(.*?)(\d{4}-\S+ v\d+)?\Z", re.DOTALL)


class AppFilter(admin.SimpleListFilter):
    """By the first part of the action. A fixed list: the distinct actions of a long trail take a scan of it."""

    title = gettext_lazy("area")
    parameter_name = "area"
    # Apps that record, in the words of the menu.
    areas: ClassVar[dict[str, Any]] = {
        "access": gettext_lazy("Participants and users"),
        "auth": gettext_lazy("Groups"),
        "catalog": gettext_lazy("Catalogue"),
        "webhooks": gettext_lazy("Webhooks"),
        "connections": gettext_lazy("Connections"),
        "dispatch": gettext_lazy("Notifications"),
        "notices": gettext_lazy("Notices"),
        "portal": gettext_lazy("Periodic jobs"),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(area, str(words)) for area, words in self.areas.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action__startswith=f"{self.value()}.") if self.value() else queryset


class DayFilter(admin.DateFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext_lazy("date")


@admin.register(AuditEntry)
class AuditEntryAdmin(ExportingMixin, admin.ModelAdmin):
    """To read, search and filter. Nobody adds, changes or deletes here; the database would refuse it too."""

    list_display = ("exact_time", "actor_label", "participant", "what_was_done", "object_words")
    list_filter = (
        AppFilter,
        "actor_source",
        ("recorded_at", DayFilter),
    )
    list_select_related = ("participant",)
    list_per_page = 50
    show_full_result_count = False
    date_hierarchy = "recorded_at"
    search_fields = (
        "actor_label",
        "actor_user__email",
        "participant__name",
        "participant__cnpj",
        "action",
        "object_label",
        "=object_id",
        "=request_id",
        "=address",
    )
    search_help_text = gettext_lazy("Person, e-mail, participant, CNPJ, action, object, identifier, request or address")
    fieldsets = (
        (None, {"fields": ("exact_time", "what_was_done", "actor_label", "actor_source", "actor_user", "participant")}),
        (gettext_lazy("Object"), {"fields": ("object_label", "kind_of_object", "object_id")}),
        (gettext_lazy("What changed"), {"fields": ("values_before", "values_after")}),
        (gettext_lazy("Where it came from"), {"fields": ("request_id", "address", "chain_position", "uuid")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        bare = cnpj.normalise(search_term)
        # A CNPJ is searched as it is written, with its punctuation.
        if len(bare) == cnpj.LENGTH:
            found = found | queryset.filter(participant__cnpj=bare)
        return found, duplicates

    @admin.display(description=gettext_lazy("recorded at"), ordering="recorded_at")
    def exact_time(self, entry: AuditEntry) -> SafeString:
        local = timezone.localtime(entry.recorded_at)
        seconds = f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}"
        return format_html('<span class="nowrap" title="{}">{}</span>', local.isoformat(), seconds)

    @admin.display(description=gettext_lazy("action"), ordering="action")
    def what_was_done(self, entry: AuditEntry) -> SafeString:
        return _with_code(action_words(entry.action, entry.object_type), entry.action)

    @admin.display(description=gettext_lazy("object"), ordering="object_label")
    def object_words(self, entry: AuditEntry) -> SafeString:
        # The period and the version of a publication stay together.
        name, version = _VERSION.match(entry.object_label).groups()  # type: ignore[union-attr]
        return format_html('{}<span class="nowrap">{}</span>', name, version or "")

    @admin.display(description=gettext_lazy("object type"))
    def kind_of_object(self, entry: AuditEntry) -> SafeString:
        return _with_code(type_words(entry.object_type), entry.object_type)

    @admin.display(description=gettext_lazy("before"))
    def values_before(self, entry: AuditEntry) -> SafeString | str:
        return _pretty(entry.before)

    @admin.display(description=gettext_lazy("after"))
    def values_after(self, entry: AuditEntry) -> SafeString | str:
        return _pretty(entry.after)

    @admin.display(description=gettext_lazy("place in the chain"))
    def chain_position(self, entry: AuditEntry) -> str:
        link = getattr(entry, "link", None)
        return str(link.position) if link else _("not linked yet")


def _with_code(words: str, code: str) -> SafeString:
    # It may be broken after a dot, never within a word.
    parts = format_html_join(SafeString(".<wbr>"), "{}", ((part,) for part in code.split(".")))
    return format_html('{} <small class="muted">{}</small>', words, parts) if words != code else parts


def _pretty(values: dict[str, Any]) -> SafeString | str:
    if not values:
        return _("Nothing")
    return format_html("<pre>{}</pre>", json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True))
