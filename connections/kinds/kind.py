"""What every kind of connection is made of."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qsl

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connections.calls import TokenCall
from connections.errors import Problem
from connections.source import TokenSource
from outbound.addresses import check_url
from outbound.errors import HeaderRefused, Refused, TlsRefused
from outbound.headers import check_header
from outbound.tls import check_ca
from outbound.transfer import Tls

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

MAX_HEADERS: Final = 50
MAX_LIST: Final = 50
REQUIRED = _("This field is required.")
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
    shown_for: tuple[str, tuple[str, ...]] | None = None
    # Shown in the fixed-width font: an identifier, never a sentence.
    technical: bool = False

    def is_shown(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is asked for, given the other values."""
        return self.shown_for is None or settings.get(self.shown_for[0]) in self.shown_for[1]


@dataclass(frozen=True, repr=False)
class Draft:
    """The values of a connection that is to be judged, secrets opened. `headers`: (name, value) of the token request's
    own; `has_key`: a key pair was chosen or uploaded."""

    token_url: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    headers: Sequence[tuple[str, str]] = field(default=())
    has_key: bool = False
    private_ca: str = ""


class Kind:
    """One kind of token source. Stateless: one object serves every connection."""

    name: ClassVar[str]
    label: ClassVar[Promise]
    explanation: ClassVar[Promise]
    fields: ClassVar[tuple[Field, ...]] = ()
    # What the operation "Obtain credentials" asks for besides; the values go into TokenSource.arguments.
    arguments: ClassVar[tuple[Field, ...]] = ()

    def token_call(self, source: TokenSource, now: datetime) -> TokenCall:
        """Return the request for a token, to be sent now: assertions in it are signed afresh. Raises CannotUse."""
        raise NotImplementedError

    def longest_life_seconds(self, source: TokenSource) -> int | None:
        """How long a token may be used at most, whatever its answer says."""
        return None

    def endpoint(self, token_url: str) -> str:
        """The address that is called, given the one that was typed."""
        return token_url

    def taken_headers(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Headers, in small letters, that the request sets itself."""
        return frozenset({"content-type"})

    # --- judging ----------------------------------------------------------------------------------------------------

    def problems(self, draft: Draft) -> Iterator[Problem]:
        """Yield what is wrong with the values of a connection."""
        values = {**draft.settings, **draft.secrets, "token_url": draft.token_url}
        for each in self.fields:
            if not each.is_shown(draft.settings):
                continue
            if each.widget == KEY_PAIR:
                if each.required and not draft.has_key:
                    yield Problem(each.name, "required", REQUIRED)
            elif each.widget != HEADERS:
                yield from field_problems(each, values.get(each.name, ""))
        yield from self._address_problems(draft.token_url)
        yield from self._header_problems(draft)
        yield from _authority_problems(draft.private_ca)

    def argument_problems(self, arguments: Mapping[str, Any]) -> Iterator[Problem]:
        """Yield what is wrong with the arguments of the operation."""
        for each in self.arguments:
            yield from field_problems(each, arguments.get(each.name, ""))

    def _address_problems(self, token_url: str) -> Iterator[Problem]:
        if not token_url:
            return
        try:
            check_url(self.endpoint(token_url))
        except Refused as refused:
            yield Problem("token_url", refused.code, refused.message)

    def _header_problems(self, draft: Draft) -> Iterator[Problem]:
        taken = set(self.taken_headers(draft.settings))
        for index, (name, value) in enumerate(draft.headers):
            try:
                check_header(name, value or "x", taken=taken)
            except HeaderRefused as refused:
                part = "value" if refused.code.startswith("header_value") else "name"
                yield Problem(f"headers.{index}.{part}", refused.code, refused.message)
                continue
            if not value:
                yield Problem(f"headers.{index}.value", "required", _("Enter the header's value."))
            taken.add(name.lower())
        if len(draft.headers) > MAX_HEADERS:
            yield Problem("headers", "too_many", _("At most %(limit)s headers.") % {"limit": MAX_HEADERS})

    # --- what a request is made of ------------------------------------------------------------------------------------

    def own_headers(self, source: TokenSource) -> tuple[tuple[str, str], ...]:
        """The participant's own headers of the token request."""
        return tuple(
            (row["name"], source.secrets.get(header_secret(row["id"]), "") if row["secret"] else row["value"])
            for row in source.settings.get("headers", ())
        )

    def secret_headers(self, source: TokenSource) -> frozenset[str]:
        return frozenset(row["name"].lower() for row in source.settings.get("headers", ()) if row["secret"])

    def tls(self, source: TokenSource, *, certificate: bool) -> Tls | None:
        """What the connection is made with."""
        key = source.key_pair if certificate else None
        if key is None:
            return Tls(ca_pem=source.private_ca) if source.private_ca else None
        return Tls(source.private_ca, key.certificate_pem, key.private_key_pem)


def header_secret(header_id: str) -> str:
    """The name under which the value of a secret header is sealed."""
    return f"header.{header_id}"


def with_defaults(own: Sequence[tuple[str, str]], defaults: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request: the participant's own, and those defaults that they don't replace."""
    names = {name.lower() for name, _value in own}
    return (*own, *((name, value) for name, value in defaults if name.lower() not in names))


# --- values of fields ---------------------------------------------------------------------------------------------


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
    elif "\0" in text or (asked.widget != TEXTAREA and not text.isprintable()):
        yield Problem(asked.name, "unprintable", _("Use letters, digits and signs that can be seen."))
    elif asked.widget == CHOICE and text and text not in dict(asked.choices):
        yield Problem(asked.name, "unknown", _("Choose one of the options."))
    elif asked.widget == INTEGER and text and not _in_range(asked, text):
        bounds = {"minimum": asked.minimum, "maximum": asked.maximum}
        yield Problem(asked.name, "range", _("Enter a whole number from %(minimum)s to %(maximum)s.") % bounds)


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


def _authority_problems(pem: str) -> Iterator[Problem]:
    if not pem:
        return
    try:
        check_ca(pem.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    except TlsRefused as refused:
        yield Problem("private_ca", refused.code, refused.message)


def extra_fields(body: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a body that is merged into a form: `name=value&...`, one for each line, or a JSON object of
    texts and numbers. Raises ValueError for anything else, and for fields that the portal writes itself."""
    text = body.strip()
    pairs = _pairs_of_json(text) if text.startswith("{") else _pairs_of_form(text)
    if any(name in OWN_FIELDS for name, _value in pairs):
        raise ValueError("own field")
    return tuple(pairs)


def _pairs_of_json(text: str) -> list[tuple[str, str]]:
    found = json.loads(text)
    if not all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in found.values()):
        raise ValueError("not a text")
    return [(name, str(value)) for name, value in found.items()]


def _pairs_of_form(text: str) -> list[tuple[str, str]]:
    joined = "&".join(line.strip() for line in text.splitlines() if line.strip())
    return parse_qsl(joined, keep_blank_values=True, strict_parsing=True) if joined else []


def extra_field_problems(name: str, body: str) -> Iterator[Problem]:
    """Yield why a body can't be merged into a form."""
    try:
        extra_fields(body)
    except ValueError as error:
        if str(error) == "own field":
            names = ", ".join(sorted(OWN_FIELDS))
            message = _("These fields are written by the system: %(names)s.") % {"names": names}
            yield Problem(name, "own_field", message)
        else:
            words = _("Write fields as name=value, one on each line, or as a JSON object of texts.")
            yield Problem(name, "malformed", words)


BODY_HELP = _("Further fields of the request: name=value, one on each line, or a JSON object.")


def headers_field() -> Field:
    """The field for headers of the token request, the same for every kind."""
    help_text = _("These headers are sent with the token request only, never with a notification.")
    return Field("headers", _("Headers of the token request"), HEADERS, required=False, help_text=help_text)
