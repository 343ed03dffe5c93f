"""The buttons of rows of headers, for browsers without JavaScript: each says which rows it belongs to."""

from collections.abc import Mapping

ADD, REMOVE = "add_header", "remove_header"


def pressed_row_button(posted: Mapping[str, str], prefix: str) -> tuple[bool, str]:
    """Return whether a row is to be added to the rows of `prefix`, and the number of the one to be removed."""
    rows, _dash, number = posted.get(REMOVE, "").rpartition("-")
    return posted.get(ADD, "") == prefix, number if rows == prefix else ""
