from datetime import datetime

from django.utils.translation import gettext_lazy as _

from connections.client_auth.method import ClientAuth, Credentials, client_id_of, key_of
from connections.source import TokenSource


class TlsClientAuth(ClientAuth):
    """A client certificate that the server's authority issued (RFC 8705 2.1)."""

    name = "tls_client_auth"
    label = "tls_client_auth"
    explanation = _("The certificate is presented when the connection is made; its authority vouches for it.")
    needs_key = True

    def apply(self, source: TokenSource, now: datetime) -> Credentials:
        key_of(source)
        return Credentials(form=(("client_id", client_id_of(source)),), certificate=True)


class SelfSignedTlsClientAuth(TlsClientAuth):
    """The same with a certificate that the server was given beforehand (RFC 8705 2.2)."""

    name = "self_signed_tls_client_auth"
    label = "self_signed_tls_client_auth"
    explanation = _("The certificate is presented when the connection is made; the server was given it beforehand.")


METHOD = TlsClientAuth()
SELF_SIGNED = SelfSignedTlsClientAuth()
