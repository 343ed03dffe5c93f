"""The rows of change lists, made ready for a phone: there a row is a card, and its cells say what they hold."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from django import template
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst

register = template.Library()


@register.filter
def labelled(row: Iterable[str], headers: Iterable[dict[str, Any]]) -> list[SafeString]:
    """Return the cells of a row, each with its column's title in `data-label`, which css/admin-lists.css shows.

    Args:
        row: the cells as Django draws them, `<td class="...">` or `<th class="...">`.
        headers: of the same table, in the same order; a cell beyond them, a hidden key, stays as it is.
    """
    return [_label(cell, header) for cell, header in zip_longest(row, headers) if cell is not None]


def _label(cell: str, header: dict[str, Any] | None) -> SafeString:
    # The box that chooses all rows is no title.
    title = strip_tags(str(header["text"])).strip() if header else ""
    if not title:
        return SafeString(cell)
    # Safe: Django escaped the cell, and format_html escapes the title.
    return SafeString(cell.replace(" class=", format_html(' data-label="{}" class=', capfirst(title)), 1))
