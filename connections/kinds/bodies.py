"""A body that participants add to a form: fields of their own beside those that the portal writes."""

import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl

from django.utils.translation import gettext_lazy as _

from connections.errors import Problem
from connections.kinds.field import TEXTAREA, Field, can_be_stored

# A few kilobytes of brackets are more than Python's reader of JSON can follow: RecursionError, no ValueError.
MAX_BODY: Final = 8_000

# What the portal writes itself: fields of a participant's own can't stand in for them.
OWN_FIELDS: Final = frozenset(
    {
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "assertion",
        "authorization_details",
    }
)


def extra_fields(body: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a body that is merged into a form: `name=value&...`, one for each line, or a JSON object of
    texts and numbers. Raises ValueError for anything else, and for fields that the portal writes itself."""
    text = body.strip()
    pairs = _pairs_of_json(text) if text.startswith("{") else _pairs_of_form(text)
    if any(name in OWN_FIELDS for name, _value in pairs):
        raise ValueError("own field")
    if not all(can_be_stored(text) for pair in pairs for text in pair):
        raise ValueError("no text")
    return tuple(pairs)


def _pairs_of_json(text: str) -> list[tuple[str, str]]:
    found = json.loads(text)
    if not all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in found.values()):
        raise ValueError("not a text")
    return [(name, str(value)) for name, value in found.items()]


def _pairs_of_form(text: str) -> list[tuple[str, str]]:
    joined = "&".join(line.strip() for line in text.splitlines() if line.strip())
    return parse_qsl(joined, keep_blank_values=True, strict_parsing=True) if joined else []


def extra_field_problems(name: str, body: str, taken: Iterable[str] = ()) -> Iterator[Problem]:
    """Yield why a body can't be merged into a form, which has the fields `taken` filled in already. One that is too
    long has its problem already."""
    if len(body) > MAX_BODY:
        return
    try:
        twice = {field for field, _value in extra_fields(body)} & set(taken)
    except (ValueError, RecursionError) as error:
        if str(error) == "own field":
            names = ", ".join(sorted(OWN_FIELDS))
            message = _("These fields are written by the system: %(names)s.") % {"names": names}
            yield Problem(name, "own_field", message)
        else:
            words = _("Write fields as name=value, one on each line, or as a JSON object of texts.")
            yield Problem(name, "malformed", words)
        return
    if twice:
        # RFC 6749 3.2: no parameter more than once.
        words = _("These have fields of their own in this form, which are filled in: %(names)s.")
        yield Problem(name, "field_taken", words % {"names": ", ".join(sorted(twice))})


EXTRA_BODY = Field(
    "body",
    _("Body"),
    TEXTAREA,
    secret=True,
    required=False,
    max_length=MAX_BODY,
    help_text=_("Further fields of the request: name=value, one on each line, or a JSON object."),
    technical=True,
)
