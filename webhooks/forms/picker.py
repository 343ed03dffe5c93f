"""The products to choose from, by macro-process and process (ONS-2, ONS-6)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from access.models import Participant
from catalog.models import MacroProcess, Process, Product


@dataclass
class Choice:
    product: Product
    chosen: bool


@dataclass
class ProcessGroup:
    process: Process
    choices: list[Choice] = field(default_factory=list)

    @property
    def chosen(self) -> int:
        return sum(choice.chosen for choice in self.choices)


@dataclass
class MacroGroup:
    macro_process: MacroProcess
    processes: list[ProcessGroup] = field(default_factory=list)


@dataclass
class ProductPicker:
    groups: list[MacroGroup]
    total: int
    chosen: int


def make_picker(participant: Participant, chosen: Iterable[UUID]) -> ProductPicker:
    """Return every product that the participant can see, in the order of the catalogue. One query."""
    wanted = set(chosen)
    products = Product.objects.visible_to(participant).in_page_order()
    choices = [Choice(product, product.uuid in wanted) for product in products]
    groups = [
        MacroGroup(macro, [ProcessGroup(process, list(found)) for process, found in groupby(below, _process)])
        for macro, below in groupby(choices, _macro_process)
    ]
    return ProductPicker(groups, len(choices), sum(choice.chosen for choice in choices))


def _process(choice: Choice) -> Process:
    return choice.product.process


def _macro_process(choice: Choice) -> MacroProcess:
    return choice.product.process.macro_process
