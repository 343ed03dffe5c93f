"""Columns of a row under a title for people, where the model has none: its fields would be named as in the code."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.utils.translation import gettext_lazy

EMPTY = "-"


def titled(field: str, title: Any) -> Callable[[Any, Any], str]:
    """Return a method of a ModelAdmin that shows `field`, as Django shows it, under `title`."""

    @admin.display(description=title, ordering=field)
    def column(_admin: Any, row: Any) -> str:
        return str(display_for_value(getattr(row, field), EMPTY))

    return column


class IdentifierMixin:
    """The row's public identifier, which the model calls `uuid`."""

    identifier = titled("uuid", gettext_lazy("identifier"))
