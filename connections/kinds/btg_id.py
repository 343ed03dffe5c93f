"""BTG Id: OAuth 2.0 client credentials with authorization details (RFC 9396) from the arguments of the operation."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from django.utils.translation import gettext_lazy as _

from connections.client_auth import client_secret_basic
from connections.client_auth.method import ClientAuth
from connections.errors import Problem
from connections.kinds.field import CHOICE, LIST, SECRET, URL, Field
from connections.kinds.kind import Draft, Kind, headers_field
from connections.kinds.oauth2 import GRANT, OAuth2, can_be_written
from connections.source import TokenSource

TOKEN_PATH = "/oauth2/token"
EXPRESSION = "{{"


class BtgId(OAuth2):
    """A ready-made kind (BTG-4 to 8, 11, 12): client_secret_basic, and four fields that become one object of
    `authorization_details`."""

    name = "btg_id"
    label = _("BTG-ID")
    explanation = _(
        "A token of BTG Id, obtained on demand: type, resource and privileges are entered at each run. "
        "Webhooks can't use it."
    )
    for_webhooks = False
    fields: ClassVar[tuple[Field, ...]] = (
        Field("client_id", _("Client's ID"), max_length=255, technical=True),
        Field("client_secret", _("Client's secret key"), SECRET, secret=True, max_length=2_048, technical=True),
        Field(
            "token_url",
            _("Environment URL"),
            URL,
            max_length=2_048,
            help_text=_("The address of the environment. Without a path, /oauth2/token is appended."),
            technical=True,
        ),
        headers_field(),
    )
    arguments = (
        Field("grant_type", _("Grant Type"), CHOICE, default=GRANT, choices=((GRANT, GRANT),)),
        Field("type", _("Type"), max_length=500, technical=True),
        Field("resource", _("Resource"), max_length=2_048, technical=True),
        Field("locations", _("Locations"), LIST, max_length=2_048, technical=True),
        Field("privileges", _("Privileges"), LIST, max_length=500, technical=True),
    )

    def problems(self, draft: Draft) -> Iterator[Problem]:
        yield from Kind.problems(self, draft)
        if can_be_written(draft):
            yield from self.client_auth(None).problems(draft.settings, draft.secrets)

    def argument_problems(self, arguments: Mapping[str, Any]) -> Iterator[Problem]:
        yield from super().argument_problems(arguments)
        for each in self.arguments:
            value = arguments.get(each.name, "")
            if any(EXPRESSION in str(item) for item in (value if isinstance(value, list | tuple) else [value])):
                message = _("Expressions ({{ … }}) are not available yet. Write the value itself.")
                yield Problem(each.name, "expression", message)

    def taken_headers(self, settings: Mapping[str, Any]) -> frozenset[str]:
        return Kind.taken_headers(self, settings) | {"authorization"}

    def endpoint(self, token_url: str) -> str:
        """The environment's address, with the path of the token endpoint when it has none."""
        try:
            parts = urlsplit(token_url)
        except ValueError:
            return token_url
        return token_url if parts.path.strip("/") else urlunsplit(parts._replace(path=TOKEN_PATH))

    def client_auth(self, source: TokenSource | None) -> ClientAuth:
        return client_secret_basic.METHOD

    def asked_for(self, source: TokenSource) -> tuple[tuple[str, str], ...]:
        details = authorization_details(source.arguments)
        return (("authorization_details", json.dumps(details)),) if details else ()


def authorization_details(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the four arguments as the one object that BTG expects (BTG-12), those left empty left out."""
    given = {
        "type": arguments.get("type"),
        "resource": arguments.get("resource"),
        "locations": [item for item in arguments.get("locations", ()) if item],
        "privileges": [item for item in arguments.get("privileges", ()) if item],
    }
    found = {name: value for name, value in given.items() if value}
    return [found] if found else []


KIND = BtgId()
