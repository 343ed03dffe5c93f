"""The catalogue as one participant sees it: products with the last version of each, in a constant number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.safestring import SafeString

from access import slots
from access.models import Participant
from catalog.models import Product, Publication

VERSIONS_SHOWN = 4


@dataclass
class ProductRow:
    """A product with its last version, if it has one, and in words who of ours was told of it (None: nobody knows)."""

    product: Product
    latest: Publication | None = None
    told: SafeString | str | None = None
    open: bool = False
    versions: Sequence[Publication] = field(default_factory=list)
    version_count: int = 0


@dataclass(frozen=True)
class Figures:
    """What stands above the list."""

    products: int
    macro_processes: int
    published: int
    published_today: int


def compute_figures(participant: Participant) -> Figures:
    visible = Product.objects.visible_to(participant)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return Figures(
        **visible.aggregate(products=Count("pk"), macro_processes=Count("process__macro_process", distinct=True)),
        **Publication.objects.latest_of_each(visible).aggregate(
            published=Count("pk"), published_today=Count("pk", filter=Q(published_at__gte=midnight))
        ),
    )


def build_rows(products: Iterable[Product], *, request: Any, open_product: str = "") -> list[ProductRow]:
    """Return a row per product, with the versions of the one whose uuid is `open_product`.

    The slot `product_webhook_states` is asked once for the whole page. It gets `latest`, the last version (or None) by
    the product's primary key, and answers html by the same keys.
    """
    rows = [ProductRow(product, open=str(product.uuid) == open_product) for product in products]
    shown = Product.objects.filter(pk__in=[row.product.pk for row in rows])
    latest = {publication.product_id: publication for publication in Publication.objects.latest_of_each(shown)}
    told = slots.call(
        "product_webhook_states", request, latest={row.product.pk: latest.get(row.product.pk) for row in rows}
    )
    for row in rows:
        row.latest = latest.get(row.product.pk)
        row.told = told and told.get(row.product.pk, "")
        if row.open:
            _add_versions(row)
    return rows


def _add_versions(row: ProductRow) -> None:
    versions = row.product.publications.published().newest_first()
    row.version_count = versions.count()
    row.versions = list(versions[:VERSIONS_SHOWN])
