"""OAuth 2.0 client credentials (RFC 6749 4.4), with the client authentications of connections.client_auth."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from connections.calls import CONTENT_TYPE, FORM, TokenCall, base_headers
from connections.client_auth import registry
from connections.client_auth.method import ClientAuth
from connections.errors import CannotUse, Problem
from connections.failures import CONNECTION_INCOMPLETE
from connections.kinds.bodies import EXTRA_BODY, MAX_BODY, extra_field_problems, extra_fields
from connections.kinds.field import CHOICE, KEY_PAIR, SECRET, TEXTAREA, URL, Field, can_be_stored
from connections.kinds.kind import Draft, Kind, headers_field, with_defaults
from connections.source import TokenSource

GRANT = "client_credentials"
AUTH_TYPE = "auth_type"
# Fields of the request that have a field of their own in the form.
ASKED_FOR = ("scope", "audience", "authorization_details")
_METHODS = registry.METHODS
_WITH_SECRET = tuple(name for name, method in _METHODS.items() if method.needs_secret)
_WITH_KEY = tuple(name for name, method in _METHODS.items() if method.needs_key)
_SIGNING = tuple(name for name, method in _METHODS.items() if method.signs)


class OAuth2(Kind):
    """CERC's OAuth2 card (CERC-17 to 22): the token is asked for by client credentials."""

    name = "oauth2"
    label = _("OAuth2")
    explanation = _("A token is obtained by client credentials (OAuth 2.0) and sent as Bearer.")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("token_url", _("Token URL"), URL, max_length=2_048, technical=True),
        Field(
            AUTH_TYPE,
            _("Authentication Type"),
            CHOICE,
            default="client_secret_basic",
            choices=tuple((name, method.label) for name, method in _METHODS.items()),
        ),
        Field("client_id", _("Client ID"), max_length=255, technical=True),
        Field(
            "client_secret",
            pgettext_lazy("OAuth2", "Secret"),
            SECRET,
            secret=True,
            max_length=2_048,
            shown_for=(AUTH_TYPE, _WITH_SECRET),
            technical=True,
        ),
        Field("key_pair", _("Key pair"), KEY_PAIR, shown_for=(AUTH_TYPE, _WITH_KEY)),
        Field(
            "scope",
            _("Scope"),
            required=False,
            max_length=1_000,
            help_text=_("Permissions to ask for, separated by spaces."),
            technical=True,
        ),
        Field(
            "audience",
            pgettext_lazy("OAuth2", "Audience"),
            required=False,
            max_length=500,
            help_text=_("Only if the token endpoint asks for one."),
            technical=True,
        ),
        Field(
            "assertion_audience",
            _("Audience of the assertion"),
            required=False,
            max_length=500,
            shown_for=(AUTH_TYPE, _SIGNING),
            help_text=_("The token URL, unless the server expects another value, such as its issuer."),
            technical=True,
        ),
        Field(
            "key_id",
            _("Key ID (kid)"),
            required=False,
            shown_for=(AUTH_TYPE, ("private_key_jwt",)),
            help_text=_("Only if the server tells keys apart by it."),
            technical=True,
        ),
        Field(
            "authorization_details",
            _("Authorization details"),
            TEXTAREA,
            required=False,
            max_length=8_000,
            help_text=_("A JSON array of objects (RFC 9396), only if the token endpoint asks for it."),
            technical=True,
        ),
        headers_field(),
        EXTRA_BODY,
    )

    def problems(self, draft: Draft) -> Iterator[Problem]:
        yield from super().problems(draft)
        if (method := _METHODS.get(draft.settings.get(AUTH_TYPE, ""))) and can_be_written(draft):
            yield from method.problems(draft.settings, draft.secrets)
        if details := draft.settings.get("authorization_details"):
            yield from details_problems("authorization_details", details)
        filled = [name for name in ASKED_FOR if draft.settings.get(name)]
        yield from extra_field_problems("body", draft.secrets.get("body", ""), filled)

    def taken_headers(self, settings: Mapping[str, Any]) -> frozenset[str]:
        method = _METHODS.get(settings.get(AUTH_TYPE, ""))
        return super().taken_headers(settings) | ({"authorization"} if method and method.sets_authorization else set())

    def token_call(self, source: TokenSource, now: datetime) -> TokenCall:
        credentials = self.client_auth(source).apply(source, now)
        own = self.own_headers(source)
        return TokenCall(
            url=self.endpoint(source.token_url),
            headers=with_defaults(own, ((CONTENT_TYPE, FORM), *credentials.headers, *base_headers())),
            grant_type=str(source.arguments.get("grant_type") or GRANT),
            form=(*credentials.form, *self.asked_for(source), *extra_fields(source.secrets.get("body", ""))),
            tls=self.tls(source, certificate=credentials.certificate),
            secrets=credentials.secrets,
            secret_headers=self.secret_headers(source),
        )

    def client_auth(self, source: TokenSource) -> ClientAuth:
        try:
            return registry.get(source.settings.get(AUTH_TYPE, ""))
        except KeyError:
            raise CannotUse(CONNECTION_INCOMPLETE, AUTH_TYPE) from None

    def asked_for(self, source: TokenSource) -> tuple[tuple[str, str], ...]:
        """The fields that say what the token is for."""
        return tuple((name, str(source.settings[name])) for name in ASKED_FOR if source.settings.get(name))


def can_be_written(draft: Draft) -> bool:
    """Whether a header can be made of the values at all. That one can't is a problem told already."""
    values = (*draft.settings.values(), *draft.secrets.values())
    return all(can_be_stored(value) for value in values if isinstance(value, str))


def details_problems(name: str, text: str) -> Iterator[Problem]:
    """Yield why a text is no value of `authorization_details` (RFC 9396 2): an array of objects that have a type."""
    if len(text) > MAX_BODY:
        return  # told already
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        yield Problem(name, "malformed", _("This must be a JSON array of objects."))
    elif not all(isinstance(each.get("type"), str) and each["type"] for each in found):
        yield Problem(name, "type_missing", _("Every object needs a text named “type”."))


KIND = OAuth2()
