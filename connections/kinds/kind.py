"""What every kind of connection is made of."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connections.calls import TokenCall
from connections.errors import Problem
from connections.kinds.field import HEADERS, KEY_PAIR, REQUIRED, Field, field_problems
from connections.source import TokenSource
from outbound.addresses import check_url
from outbound.errors import HeaderRefused, Refused, TlsRefused
from outbound.headers import check_header
from outbound.tls import check_ca
from outbound.transfer import Tls

MAX_HEADERS: Final = 50


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


class Kind(ABC):
    """One kind of token source. Stateless: one object serves every connection."""

    name: ClassVar[str]
    label: ClassVar[Promise]
    explanation: ClassVar[Promise]
    fields: ClassVar[tuple[Field, ...]] = ()
    # Whether tokens come from the receiver's own application, signed with a key that it alone has.
    issued_by_receiver: ClassVar[bool] = False
    # Whether a webhook can send its tokens: a method of webhooks.auth takes this kind.
    for_webhooks: ClassVar[bool] = True
    # What the operation "Obtain credentials" asks for besides; the values go into TokenSource.arguments.
    arguments: ClassVar[tuple[Field, ...]] = ()

    @abstractmethod
    def token_call(self, source: TokenSource, now: datetime) -> TokenCall:
        """Return the request for a token, to be sent now: assertions in it are signed afresh. Raises CannotUse."""

    def longest_life_seconds(self, source: TokenSource) -> int | None:
        """How long a token may be used at most, whatever its answer says."""
        return None

    def endpoint(self, token_url: str) -> str:
        """The address that is called, given the one that was typed."""
        return token_url

    def taken_headers(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Headers, in small letters, that the request sets itself."""
        return frozenset({"content-type"})

    def asks_for_key(self, settings: Mapping[str, Any]) -> bool:
        """Whether a key pair belongs to it, given its other values."""
        return any(each.widget == KEY_PAIR and each.is_shown(settings) for each in self.fields)

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


def _authority_problems(pem: str) -> Iterator[Problem]:
    if not pem:
        return
    try:
        check_ca(pem.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    except TlsRefused as refused:
        yield Problem("private_ca", refused.code, refused.message)


def headers_field() -> Field:
    """The field for headers of the token request, the same for every kind."""
    help_text = _("These headers are sent with the token request only, never with a notification.")
    return Field("headers", _("Headers of the token request"), HEADERS, required=False, help_text=help_text)
