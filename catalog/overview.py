"""The catalogue as one participant sees it: products with the last version of each, in a constant number of queries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.safestring import SafeString

from access import slots
from access.models import Participant
from catalog.models import MacroProcess, Process, Product, Publication

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


@dataclass(frozen=True)
class Choice:
    """A way to narrow the list that a floor above knows: by what the participant's webhooks make of a product."""

    code: str
    label: str
    count: int
    condition: Q


@dataclass
class Group:
    """The rows of one macro-process, by process; folded, only its title is shown. `toggled` is what stands in the
    address after a click on the title."""

    macro_process: MacroProcess
    folded: bool
    toggled: str
    processes: list[tuple[Process, list[ProductRow]]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(rows) for _process, rows in self.processes)


def read_choices(found: QuerySet[Product], request: Any) -> list[Choice]:
    """Return what the slot `product_choices` offers, a label and a condition by code, with counts among the
    products that the search found. One query."""
    offered: Mapping[str, tuple[str, Q]] = slots.call("product_choices", request) or {}
    if not offered:
        return []
    counts = found.aggregate(**{code: Count("pk", filter=condition) for code, (_label, condition) in offered.items()})
    return [Choice(code, label, counts[code], condition) for code, (label, condition) in offered.items()]


def build_groups(rows: Sequence[ProductRow], folded: Collection[str]) -> list[Group]:
    """Return the rows, which are in the page's order, under their headings. `folded`: keys of macro-processes."""
    groups: list[Group] = []
    for row in rows:
        process = row.product.process
        if not groups or groups[-1].macro_process != process.macro_process:
            groups.append(_start_group(process.macro_process, folded))
        processes = groups[-1].processes
        if not processes or processes[-1][0] != process:
            processes.append((process, []))
        processes[-1][1].append(row)
    return groups


def _start_group(macro_process: MacroProcess, folded: Collection[str]) -> Group:
    key = str(macro_process.pk)
    return Group(macro_process, key in folded, "-".join(sorted({key} ^ set(folded), key=int)))


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
