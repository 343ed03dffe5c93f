"""What a notice may be about: a closed list that the floors above fill when they start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

Values = Mapping[str, Any]


def _as_they_are(values: Values) -> Values:
    return values


@dataclass(frozen=True)
class Kind:
    """One entry of the list.

    `title` is for operators' lists. `subject` is the mail's, with %(names)s of the values. `template` writes the mail's
    body. `describe` makes of the stored values what both show, called in the reader's language. Codes are stored with
    notices: they are never renamed.
    """

    code: str
    title: Promise | str
    subject: Promise | str
    template: str
    describe: Callable[[Values], Values] = _as_they_are


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Add entries to the list. Raises ValueError when another entry has the code already."""
    for kind in kinds:
        if _kinds.setdefault(kind.code, kind) is not kind:
            raise ValueError(f"notices of kind {kind.code!r} are defined twice")


def get(code: str) -> Kind:
    """Return the entry of `code`. Raises KeyError."""
    return _kinds[code]


def list_kinds() -> list[Kind]:
    return list(_kinds.values())
