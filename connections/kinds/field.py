"""One thing that a kind of connection, or an authentication method, asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connections.errors import Problem

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Widgets. `url` and `key_pair` are columns of a connection, `headers` a list of rows, `list` a list of texts; the value
# of any other is a text, of `integer` too.
TEXT: Final = "text"
URL: Final = "url"
SECRET: Final = "secret"
CHOICE: Final = "choice"
TEXTAREA: Final = "textarea"
INTEGER: Final = "integer"
HEADERS: Final = "headers"
KEY_PAIR: Final = "key_pair"
LIST: Final = "list"
TEXTS: Final = (TEXT, SECRET, CHOICE, TEXTAREA, INTEGER)

MAX_LIST: Final = 50
REQUIRED = _("This field is required.")


@dataclass(frozen=True)
class Field:
    """One thing to ask for. `secret` ones are stored sealed and never shown again; `choices` are (value, label);
    `minimum` and `maximum` bound an integer; `shown_for` names another field and the values of it with which this one
    is asked for: with others it is neither required nor stored."""

    name: str
    label: "_StrPromise"
    widget: str = TEXT
    secret: bool = False
    required: bool = True
    default: str = ""
    help_text: "_StrPromise | str" = ""
    max_length: int = 200
    choices: tuple[tuple[str, Promise | str], ...] = ()
    minimum: int = 0
    maximum: int = 0
    # Of an integer, where its value is shown by itself.
    unit: str = ""
    shown_for: tuple[str, tuple[str, ...]] | None = None
    # Shown in the fixed-width font: an identifier, never a sentence.
    technical: bool = False

    def is_shown(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is asked for, given the other values."""
        return self.shown_for is None or settings.get(self.shown_for[0]) in self.shown_for[1]


def field_problems(asked: Field, value: Any) -> Iterator[Problem]:
    """Yield what is wrong with one value."""
    if asked.widget == LIST:
        yield from _list_problems(asked, value)
        return
    text = value if isinstance(value, str) else ""
    if asked.required and not text.strip():
        yield Problem(asked.name, "required", REQUIRED)
    elif len(text) > asked.max_length:
        yield Problem(asked.name, "too_long", _("At most %(limit)s characters.") % {"limit": asked.max_length})
    elif not can_be_stored(text) or (asked.widget != TEXTAREA and not text.isprintable()):
        yield Problem(asked.name, "unprintable", _("Use letters, digits and signs that can be seen."))
    elif asked.widget == CHOICE and text and text not in dict(asked.choices):
        yield Problem(asked.name, "unknown", _("Choose one of the options."))
    elif asked.widget == INTEGER and text and not _in_range(asked, text):
        bounds = {"minimum": asked.minimum, "maximum": asked.maximum}
        yield Problem(asked.name, "range", _("Enter a whole number from %(minimum)s to %(maximum)s.") % bounds)


def can_be_stored(text: str) -> bool:
    """Whether a text has neither NUL nor half of a surrogate pair, which no database takes and no address holds."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _in_range(asked: Field, text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and asked.minimum <= int(text) <= asked.maximum


def _list_problems(asked: Field, value: Any) -> Iterator[Problem]:
    items = value if isinstance(value, list | tuple) else ([value] if value else [])
    if asked.required and not any(str(item).strip() for item in items):
        yield Problem(asked.name, "required", REQUIRED)
    if len(items) > MAX_LIST:
        yield Problem(asked.name, "too_many", _("At most %(limit)s entries.") % {"limit": MAX_LIST})
    for item in items:
        if len(str(item)) > asked.max_length:
            yield Problem(asked.name, "too_long", _("At most %(limit)s characters.") % {"limit": asked.max_length})
        elif not str(item).isprintable():
            yield Problem(asked.name, "unprintable", _("Use letters, digits and signs that can be seen."))
