"""The catalogue as operations keep it: headings, products and their audience; publications to look at."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin.base import AuditedAdmin
from access.admin.columns import IdentifierMixin, titled
from catalog.file_answers import answer_file
from catalog.models import MacroProcess, Process, Product, ProductGrant, Publication


class ProcessInline(admin.TabularInline):
    model = Process
    extra = 0
    fields = ("code", "name")
    show_change_link = True


@admin.register(MacroProcess)
class MacroProcessAdmin(AuditedAdmin):
    list_display = ("name", "code", "processes", "products")
    search_fields = ("name", "code")
    ordering = ("code",)
    inlines = (ProcessInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MacroProcess]:
        counts = {
            "process_count": Count("processes", distinct=True),
            "product_count": Count("processes__products", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=gettext_lazy("processes"), ordering="process_count")
    def processes(self, macro_process: Any) -> int:
        return macro_process.process_count

    @admin.display(description=gettext_lazy("products"), ordering="product_count")
    def products(self, macro_process: Any) -> int:
        return macro_process.product_count


@admin.register(Process)
class ProcessAdmin(AuditedAdmin):
    list_display = ("name", "code", "macro_process", "products")
    list_filter = ("macro_process",)
    list_select_related = ("macro_process",)
    search_fields = ("name", "code", "macro_process__name")
    ordering = ("code",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Process]:
        return super().get_queryset(request).annotate(product_count=Count("products"))

    @admin.display(description=gettext_lazy("products"), ordering="product_count")
    def products(self, process: Any) -> int:
        return process.product_count


class ProductGrantInline(admin.TabularInline):
    model = ProductGrant
    extra = 0
    autocomplete_fields = ("participant",)
    verbose_name = gettext_lazy("participant")
    verbose_name_plural = gettext_lazy("participants in the audience (count when it is limited to those listed)")


@admin.register(Product)
class ProductAdmin(IdentifierMixin, AuditedAdmin):
    list_display = ("name", "code", "process", "periodicity", "audience", "active", "publications")
    list_filter = ("active", "periodicity", "audience", "process__macro_process")
    list_select_related = ("process",)
    list_per_page = 50
    search_fields = ("name", "code", "process__name", "process__macro_process__name")
    search_help_text = gettext_lazy("Name, code, process or macro-process")
    autocomplete_fields = ("process",)
    readonly_fields = ("identifier", "created_at")
    fieldsets = (
        (None, {"fields": ("name", "code", "process", "active")}),
        (gettext_lazy("Periods"), {"fields": ("periodicity", "week_starts_on")}),
        (gettext_lazy("Audience"), {"fields": ("audience",)}),
        (gettext_lazy("History"), {"fields": ("identifier", "created_at")}),
    )
    inlines = (ProductGrantInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).annotate(publication_count=Count("publications"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        # The periods published so far were written for this periodicity; one product must not hold two meanings.
        return (*fields, "periodicity", "week_starts_on") if obj and obj.publications.exists() else fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("publications"), ordering="publication_count")
    def publications(self, product: Any) -> int:
        return product.publication_count


class PublicationStateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("published", _("Published")), ("embargoed", _("Embargoed")), ("withdrawn", _("Withdrawn"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Publication]) -> QuerySet[Publication]:
        conditions = {
            "published": Q(published_at__isnull=False, withdrawn_at__isnull=True),
            "embargoed": Q(published_at__isnull=True, withdrawn_at__isnull=True),
            "withdrawn": Q(withdrawn_at__isnull=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class PublicationAdminBase(IdentifierMixin, admin.ModelAdmin):
    """Publications to look at: nobody edits or deletes one.

    Registered by the floor above, which knows how to publish and withdraw so that webhooks hear of it.
    """

    list_display = ("product", "reference_period", "version", "state", "published_at", "size", "download_count")
    list_filter = (PublicationStateFilter, "product__periodicity", "product__process__macro_process")
    list_select_related = ("product",)
    list_per_page = 50
    date_hierarchy = "created_at"
    search_fields = ("product__name", "product__code", "period", "file_name", "sha256", "uuid")
    search_help_text = gettext_lazy("Product, code, period, file name, SHA-256 or identifier")
    fieldsets = (
        (None, {"fields": ("product", "reference_period", "period_code", "version", "state")}),
        (gettext_lazy("File"), {"fields": ("file_link", "content_type", "size", "sha256", "download_count")}),
        (
            gettext_lazy("History"),
            {"fields": ("created_at", "created_by", "publish_at", "published_at", "withdrawn_at", "withdrawn_by")},
        ),
        (None, {"fields": ("withdrawn_reason", "identifier")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Publication]:
        return super().get_queryset(request).annotate(downloads_sum=Sum("downloads__count", default=0))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<int:pk>/file/", view, name="catalog_publication_file"), *super().get_urls()]

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The file for staff, whatever its state."""
        publication = get_object_or_404(Publication, pk=pk)
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request, publication):
            raise PermissionDenied
        return answer_file(request, publication).response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    period_code = titled("period", gettext_lazy("period (ISO)"))

    @admin.display(description=gettext_lazy("period"), ordering="period_start")
    def reference_period(self, publication: Publication) -> str:
        return publication.reference_text

    @admin.display(description=gettext_lazy("state"))
    def state(self, publication: Publication) -> str:
        if publication.withdrawn:
            return _("Withdrawn")
        return _("Embargoed") if publication.embargoed else _("Published")

    @admin.display(description=gettext_lazy("size"), ordering="size_bytes")
    def size(self, publication: Publication) -> str:
        return filesizeformat(publication.size_bytes)

    @admin.display(description=gettext_lazy("downloads"), ordering="downloads_sum")
    def download_count(self, publication: Any) -> int:
        return publication.downloads_sum

    @admin.display(description=gettext_lazy("file"))
    def file_link(self, publication: Publication) -> SafeString:
        address = reverse("admin:catalog_publication_file", args=[publication.pk], current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', address, publication.file_name)
