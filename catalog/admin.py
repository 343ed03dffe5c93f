"""The catalogue as operations keep it: headings, products and their audience; publications to look at."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
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
from access.templatetags.house import when
from catalog.file_answers import answer_file
from catalog.models import Download, MacroProcess, Process, Product, ProductGrant, Publication


class ProcessInline(admin.TabularInline):
    model = Process
    extra = 0
    fields = ("code", "name")
    show_change_link = True


@admin.register(MacroProcess)
class MacroProcessAdmin(AuditedAdmin):
    list_display = ("name", "code", "processes", "products")
    search_fields = ("name", "code")
    search_help_text = gettext_lazy("Name or code")
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
    search_help_text = gettext_lazy("Name, code or macro-process")
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
    readonly_fields = ("identifier", "made_at")
    # The audience comes last: whom it is limited to follows it.
    fieldsets = (
        (None, {"fields": ("name", "code", "process", "active")}),
        (gettext_lazy("Periods"), {"fields": ("periodicity", "week_starts_on")}),
        (gettext_lazy("History"), {"fields": ("made_at", "identifier")}),
        (gettext_lazy("Audience"), {"fields": ("audience",)}),
    )
    inlines = (ProductGrantInline,)
    made_at = titled("created_at", gettext_lazy("created at"))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        own, periods, history, audience = super().get_fieldsets(request, obj)
        # What is not there yet has no history.
        return [own, periods, history, audience] if obj else [own, periods, audience]

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
        return [("published", _("Published")), ("embargoed", _("Scheduled")), ("withdrawn", _("Withdrawn"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Publication]) -> QuerySet[Publication]:
        conditions = {
            "published": Q(published_at__isnull=False, withdrawn_at__isnull=True),
            "embargoed": Q(published_at__isnull=True, withdrawn_at__isnull=True),
            "withdrawn": Q(withdrawn_at__isnull=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


def _downloads() -> Coalesce:
    # A subquery, which is read for the rows of a page: a join is grouped for the whole table before the first is shown.
    counts = Download.objects.filter(publication=OuterRef("pk")).order_by().values("publication")
    return Coalesce(Subquery(counts.annotate(sum=Sum("count")).values("sum")), 0)


class PublicationAdminBase(IdentifierMixin, admin.ModelAdmin):
    """Publications to look at: nobody edits or deletes one.

    Registered by the floor above, which knows how to publish and withdraw so that webhooks hear of it.
    """

    list_display = ("product", "reference_period", "version", "state", "published_on", "size", "download_count")
    list_filter = (PublicationStateFilter, "product__periodicity", "product__process__macro_process")
    list_select_related = ("product",)
    list_per_page = 50
    # What the list shows, with an index of its own (publication_by_time).
    ordering = ("-published_at", "-pk")
    date_hierarchy = "published_at"
    search_fields = ("product__name", "product__code", "period", "file_name", "sha256", "uuid")
    search_help_text = gettext_lazy("Product, code, period, file name, SHA-256 or identifier")
    fieldsets = (
        (None, {"fields": ("product", "reference_period", "period_code", "version", "state", "identifier")}),
        (gettext_lazy("File"), {"fields": ("file_link", "content_type", "size", "sha256", "download_count")}),
        (gettext_lazy("History"), {"fields": ("created_at", "created_by", "publish_at", "published_at")}),
        (gettext_lazy("Withdrawal"), {"fields": ("withdrawn_at", "withdrawn_by", "withdrawn_reason")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Publication]:
        return super().get_queryset(request).annotate(downloads_sum=_downloads())

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        cards = super().get_fieldsets(request, obj)
        return cards if obj is None or obj.withdrawn else cards[:-1]

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

    @admin.display(description=gettext_lazy("published at"), ordering="published_at")
    def published_on(self, publication: Publication) -> SafeString | str:
        return when(publication.published_at)

    @admin.display(description=gettext_lazy("state"))
    def state(self, publication: Publication) -> str:
        if publication.withdrawn:
            return _("Withdrawn")
        return _("Scheduled") if publication.embargoed else _("Published")

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
