from datetime import datetime

from django.utils.translation import gettext_lazy as _

from connections.client_auth.method import ClientAuth, Credentials, client_id_of
from connections.source import TokenSource


class ClientSecretPost(ClientAuth):
    """Client id and secret as fields of the form (RFC 6749 2.3.1)."""

    name = "client_secret_post"
    label = "client_secret_post"
    explanation = _("Client ID and secret go as fields in the body of the token request.")
    needs_secret = True

    def apply(self, source: TokenSource, now: datetime) -> Credentials:
        secret = source.secrets.get("client_secret", "")
        return Credentials(form=(("client_id", client_id_of(source)), ("client_secret", secret)), secrets=(secret,))


METHOD = ClientSecretPost()
