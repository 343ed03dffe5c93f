"""What every kind of connection is made of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from django.utils.functional import Promise

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Widgets. `url` and `key_pair` are columns of the connection, `headers` is a list; the rest are texts.
TEXT, URL, SECRET, CHOICE, TEXTAREA, INTEGER, HEADERS, KEY_PAIR, LIST = (
    "text",
    "url",
    "secret",
    "choice",
    "textarea",
    "integer",
    "headers",
    "key_pair",
    "list",
)


@dataclass(frozen=True)
class Field:
    """One thing to ask for. `secret` ones are stored sealed and never shown again; `choices` are (value, label);
    `shown_for` names another field and the values of it with which this one is asked for."""

    name: str
    label: "_StrPromise"
    widget: str = TEXT
    secret: bool = False
    required: bool = True
    default: str = ""
    help_text: "_StrPromise | str" = ""
    max_length: int = 200
    choices: "tuple[tuple[str, _StrPromise], ...]" = ()
    shown_for: tuple[str, tuple[str, ...]] | None = None
    technical: bool = False


class Kind:
    """One kind of token source. Stateless: one object serves every connection."""

    name: ClassVar[str]
    label: ClassVar[Promise]
    explanation: ClassVar[Promise]
    fields: ClassVar[tuple[Field, ...]] = ()
    # What the operation "Obtain credentials" asks for besides.
    arguments: ClassVar[tuple[Field, ...]] = ()
