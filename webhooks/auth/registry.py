"""The authentication methods, each found by its name. A new one is a module of this folder and a line here."""

from webhooks.auth import basic, jwt_bearer, none, oauth2, secret
from webhooks.auth.method import AuthMethod

METHODS: dict[str, AuthMethod] = {
    method.name: method for method in (none.METHOD, secret.METHOD, basic.METHOD, oauth2.METHOD, jwt_bearer.METHOD)
}


def get(name: str) -> AuthMethod:
    """Return the method of this name. Raises KeyError."""
    return METHODS[name]
