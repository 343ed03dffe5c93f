"""Admin pages of big tables that are there to be looked at."""

from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from access import cnpj
from access.admin.columns import IdentifierMixin
from outbound.masking import masked_url
from webhooks.models import Webhook

# Nobody turns more pages than this gives; filters and search lead further.
COUNTED_AT_MOST = 5_000
WEBHOOKS_SEARCHED = 500


class BoundedPaginator(Paginator):
    """Counts no further than COUNTED_AT_MOST: a table of millions would be read whole for the number of its pages."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[:COUNTED_AT_MOST].count() if isinstance(rows, QuerySet) else len(rows)


class ReadOnlyAdmin(IdentifierMixin, admin.ModelAdmin):
    """Shown, never added, changed or deleted here: state and history are written by the machinery alone."""

    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/dispatch/row.html"
    # By the primary key alone: sorting millions of rows by another column would hold the database up.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    # Counting what each filter would find reads the table once per choice.
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("css/admin-dispatch.css",)}

    def title_of(self, row: Any) -> str:
        """Return what a row's page and its way there are called."""
        return str(row)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["subtitle"] = self.title_of(context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OrderWordsMixin(admin.ModelAdmin):
    """Says in words that rows come in the order in which they were recorded, and leads to the other end.

    By the primary key, which needs no further index. No column shows that order: the times in a row are mostly in the
    same one, but not where transactions overlapped, so no title is marked as sorted.
    """

    change_list_template = "admin/dispatch/rows.html"
    # The column that sorts by the primary key.
    order_column = ""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes: Any = super().get_changelist_instance(request)
        changes.oldest_first = str(changes.list_display.index(self.order_column))
        return changes


class SearchByWebhookMixin(admin.ModelAdmin):
    """Search by an identifier, or by the webhook: its address or description, its participant's name or CNPJ.

    The webhook is found first, in its small table, and the big one is then read by its index.
    """

    search_fields = ("webhook__description",)
    uuid_field = "uuid"
    webhook_field = "webhook"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = search_term.replace("\0", "").strip()
        if not words:
            return queryset, False
        uuid = read_uuid(words)
        if uuid is not None:
            return queryset.filter(**{self.uuid_field: uuid}), False
        return queryset.filter(**{f"{self.webhook_field}__in": find_webhook_ids(words)}), False


def read_uuid(words: str) -> UUID | None:
    """Return the identifier that was typed, in the form of a `webhook-id` too."""
    try:
        return UUID(words.removeprefix("msg_"))
    except ValueError:
        return None


def find_webhook_ids(words: str) -> list[int]:
    """Return the webhooks whose address, description or participant is meant by `words`."""
    bare = cnpj.normalise(words)
    if len(bare) == cnpj.LENGTH and bare.isalnum():
        return list(Webhook.objects.filter(participant__cnpj=bare).values_list("pk", flat=True))
    named = Webhook.objects.filter(description__icontains=words) | Webhook.objects.filter(
        participant__name__icontains=words
    )
    found = list(named.values_list("pk", flat=True)[:WEBHOOKS_SEARCHED])
    addressed = Webhook.objects.filter(request_uri__icontains=words).values_list("pk", "request_uri")
    # By what may be read of an address only: a search must not confirm a guess about a value of its query.
    return found + [pk for pk, url in addressed[:WEBHOOKS_SEARCHED] if words.lower() in masked_url(url).lower()]
