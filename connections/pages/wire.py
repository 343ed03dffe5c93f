"""What goes over the wire for a connection: its token request as it would be sent now, with nothing secret in it."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.views.decorators.debug import sensitive_variables

from connections.calls import TokenCall
from connections.errors import CannotUse
from connections.kinds import registry
from connections.kinds.bodies import extra_fields
from connections.kinds.field import LIST
from connections.kinds.kind import Kind
from connections.models import Connection
from connections.tokens import TokenSource, source_of
from outbound.masking import MASK, masked_url

_STAND_IN = re.compile(r"secret-[0-9a-f]{48}")


@dataclass(frozen=True, slots=True)
class Wire:
    """`lines` of the body are the fields of a form, shown without their encoding, or the body itself. `problem`: a code
    of connections.failures when there is nothing to show."""

    first_line: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    body: str = ""
    certificate: bool = False
    problem: str = ""


@sensitive_variables("source", "call")
def preview_request(connection: Connection, now: datetime) -> Wire:
    """Return what a token request would be. Every secret is another, random text before the request is built, and
    masked in what was built: no secret can slip through in a form that nobody thought of."""
    kind = registry.get(connection.kind)
    try:
        source = _without_secrets(source_of(connection, arguments=_placeholders(kind)))
        return _describe(kind.token_call(source, now), source)
    except CannotUse as cannot:
        return Wire(problem=cannot.code)


def _placeholders(kind: Kind) -> dict[str, Any]:
    """The arguments of a run are not known yet: their names stand for them."""
    named = {field.name: f"<{field.label}>" for field in kind.arguments}
    lists = {field.name: [named[field.name]] for field in kind.arguments if field.widget == LIST}
    fixed = {field.name: field.default for field in kind.arguments if field.choices and field.default}
    return named | lists | fixed


@sensitive_variables()
def _without_secrets(source: TokenSource) -> TokenSource:
    stand_ins = {name: _stand_in() for name in source.secrets}
    if body := source.secrets.get("body"):
        stand_ins["body"] = _body_without_values(body)
    return replace(source, secrets=stand_ins)


def _stand_in() -> str:
    return f"secret-{secrets.token_hex(24)}"


@sensitive_variables()
def _body_without_values(body: str) -> str:
    """Return a body of the same names, whose values are stand-ins."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return json.dumps({name: _stand_in() for name in found}, ensure_ascii=False)
    try:
        return "\n".join(f"{name}={_stand_in()}" for name, _value in extra_fields(body))
    except (ValueError, RecursionError):
        return ""


def _describe(call: TokenCall, source: TokenSource) -> Wire:
    address, masked = urlsplit(masked_url(call.url)), _Mask(call, source.secrets)
    fields = (("grant_type", call.grant_type), *call.form) if call.grant_type else ()
    return Wire(
        first_line=f"POST {address.path or '/'}{'?' if address.query else ''}{address.query} HTTP/1.1",
        headers=(("Host", address.netloc), *((name, masked.header(name, value)) for name, value in call.headers)),
        lines=tuple((name, masked.text(value)) for name, value in fields),
        body=masked.text(call.body.decode("utf-8", "replace")),
        certificate=bool(call.tls and call.tls.client_cert_pem),
    )


class _Mask:
    def __init__(self, call: TokenCall, stand_ins: Mapping[str, str]) -> None:
        self._names = call.secret_headers | {"authorization"}
        # Of a body its names may be seen: the values in it are stand-ins that the pattern finds.
        shown = {name: value for name, value in stand_ins.items() if name != "body"}
        self._needles = [value for value in (*call.secrets, *shown.values()) if value]

    def header(self, name: str, value: str) -> str:
        if name.lower() not in self._names:
            return self.text(value)
        scheme, blank, _rest = value.partition(" ")
        return f"{scheme} {MASK}" if blank and name.lower() == "authorization" else MASK

    def text(self, text: str) -> str:
        for needle in self._needles:
            text = text.replace(needle, MASK)
        return _STAND_IN.sub(MASK, text)
