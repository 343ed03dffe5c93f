"""Filters under a title for people, where Django would take the field's name as it stands on forms."""

from typing import Any

from django.contrib.admin.filters import FieldListFilter


def titled_filter(field: str, title: Any, kind: type[FieldListFilter]) -> tuple[str, type[FieldListFilter]]:
    """Return an item of `list_filter`: `field`, filtered as `kind` does, under `title`."""

    class Titled(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.title = title

    return field, Titled
