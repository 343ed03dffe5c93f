import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote_plus

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connections.client_auth.method import NOT_SHORT_ENOUGH, ClientAuth, Credentials, client_id_of
from connections.errors import Problem
from connections.source import TokenSource
from outbound.headers import MAX_VALUE


class ClientSecretBasic(ClientAuth):
    """HTTP Basic with client id and secret as they are (RFC 7617), in UTF-8: what most servers expect."""

    name = "client_secret_basic"
    label: ClassVar[Promise | str] = "client_secret_basic"
    explanation = _("Client ID and secret go by HTTP Basic, as they are.")
    needs_secret = True
    sets_authorization = True

    def problems(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Problem]:
        client_id, secret = settings.get("client_id", ""), secrets.get("client_secret", "")
        if ":" in self.written(client_id):
            message = _("With HTTP Basic a client ID must not contain a colon.")
            yield Problem("client_id", "client_id_colon", message)
        if len(self.header(client_id, secret)) > MAX_VALUE:
            yield Problem("client_secret", "too_long", NOT_SHORT_ENOUGH)

    def apply(self, source: TokenSource, now: datetime) -> Credentials:
        value = self.header(client_id_of(source), source.secrets.get("client_secret", ""))
        return Credentials(headers=(("Authorization", value),), secrets=(value.removeprefix("Basic "),))

    def header(self, client_id: str, secret: str) -> str:
        pair = f"{self.written(client_id)}:{self.written(secret)}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def written(self, value: str) -> str:
        return value


class ClientSecretBasicEncoded(ClientSecretBasic):
    """The same with both values form-encoded first, as RFC 6749 2.3.1 has it."""

    name = "client_secret_basic_encoded"
    label = _("client_secret_basic (form-encoded)")
    explanation = _("Client ID and secret are form-encoded as RFC 6749 says, then go by HTTP Basic.")

    def written(self, value: str) -> str:
        return quote_plus(value)


METHOD = ClientSecretBasic()
ENCODED = ClientSecretBasicEncoded()
