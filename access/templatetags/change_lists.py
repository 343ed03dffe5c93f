"""What the administration's lists and forms show of a row: cells that say what they hold, yes and no as words."""

import re
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from django import template
from django.forms import BoundField
from django.utils.html import conditional_escape, format_html, strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from access.templatetags.house import icon

register = template.Library()

# How Django draws a boolean, in lists and in read-only fields: a red cross where "no" is no fault, and no word.
_MARK = re.compile(r'<img src="[^"]*/icon-(?:yes|no|unknown)[^"/]*\.svg" alt="(True|False|None)">')
# Days and short codes, which must not break at their strokes; a tag before them, to be left as it is.
_UNBROKEN = re.compile(
    r"(<[^>]*>)|\b(?:\d\d/\d\d/\d{4}|\d\d? [A-Z][a-z]{2} \d{4}|\d{4}-\d\d(?:-\d\d)?(?: v\d+)?|(?:EC )?P-\d{3})\b"
)


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
    cell = _UNBROKEN.sub(
        lambda found: found[1] or f'<span class="unbroken">{found[0]}</span>', worded(SafeString(cell))
    )
    if not title:
        # Safe: Django escaped the cell, and what was found in it has no sign of markup.
        return SafeString(cell)
    # Safe: Django escaped the cell, and format_html escapes the title.
    return SafeString(cell.replace(" class=", format_html(' data-label="{}" class=', capfirst(title)), 1))


@register.filter
def asking(field: BoundField) -> BoundField:
    """Return the chooser of an action with words in its empty choice, where Django has only dashes."""
    choices: Any = field.field
    choices.choices = [("", gettext("Choose an action")), *choices.choices[1:]]
    return field


@register.filter
def worded(shown: str) -> SafeString:
    """Return what Django shows of a value with its pictures of yes and no replaced by words. Yes has a mark as well."""
    # Safe: what is not markup is escaped first, so a value that spells such a picture stays a text.
    return SafeString(_MARK.sub(lambda mark: _word(mark[1]), conditional_escape(shown)))


def _word(value: str) -> str:
    if value == "True":
        return format_html('<span class="state-text">{}{}</span>', icon("check", 16), gettext("Yes"))
    return format_html('<span class="muted">{}</span>', gettext("No") if value == "False" else gettext("Unknown"))
