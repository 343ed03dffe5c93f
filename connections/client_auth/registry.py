"""The client authentications, each found by its name. A new one is a module of this folder and a line here."""

from connections.client_auth import client_assertion, client_secret_basic, client_secret_post, tls_client_auth
from connections.client_auth.method import ClientAuth

METHODS: dict[str, ClientAuth] = {
    method.name: method
    for method in (
        client_secret_basic.METHOD,
        client_secret_basic.ENCODED,
        client_secret_post.METHOD,
        client_assertion.CLIENT_SECRET_JWT,
        client_assertion.PRIVATE_KEY_JWT,
        tls_client_auth.METHOD,
        tls_client_auth.SELF_SIGNED,
    )
}


def get(name: str) -> ClientAuth:
    """Return the client authentication of this name. Raises KeyError."""
    return METHODS[name]
