import json
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import cnpj
from access.admin.audit_exporting import ExportingMixin
from access.models import AuditEntry


class AppFilter(admin.SimpleListFilter):
    """By the first part of the action. A fixed list: the distinct actions of a long trail take a scan of it."""

    title = gettext_lazy("area")
    parameter_name = "area"
    # Apps that record; a floor above that starts to do so adds its own name by `AppFilter.areas`.
    areas = ("access", "auth", "catalog", "webhooks", "dispatch", "notices", "vault")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(area, str(apps.get_app_config(area).verbose_name)) for area in self.areas]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action__startswith=f"{self.value()}.") if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ExportingMixin, admin.ModelAdmin):
    """To read, search and filter. Nobody adds, changes or deletes here; the database would refuse it too."""

    list_display = ("exact_time", "actor_label", "participant", "action", "object_label")
    list_filter = (AppFilter, "actor_source", "recorded_at")
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
        (None, {"fields": ("exact_time", "action", "actor_label", "actor_source", "actor_user", "participant")}),
        (gettext_lazy("Object"), {"fields": ("object_label", "object_type", "object_id")}),
        (gettext_lazy("What changed"), {"fields": ("values_before", "values_after")}),
        (gettext_lazy("Origin"), {"fields": ("request_id", "address", "chain_position", "uuid")}),
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
        seconds = local.strftime("%Y-%m-%d %H:%M:%S")
        return format_html('<span class="nowrap" title="{}">{}</span>', local.isoformat(), seconds)

    @admin.display(description=gettext_lazy("before"))
    def values_before(self, entry: AuditEntry) -> SafeString:
        return _pretty(entry.before)

    @admin.display(description=gettext_lazy("after"))
    def values_after(self, entry: AuditEntry) -> SafeString:
        return _pretty(entry.after)

    @admin.display(description=gettext_lazy("place in the chain"))
    def chain_position(self, entry: AuditEntry) -> str:
        link = getattr(entry, "link", None)
        return str(link.position) if link else _("not linked yet")


def _pretty(values: dict[str, Any]) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True))
