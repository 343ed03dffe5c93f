"""Client authentication by a signed assertion (RFC 7523 2.2 and 3, OpenID Connect Core 9)."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from connections.client_auth.method import (
    ASSERTION_SECONDS,
    ASSERTION_TYPE,
    ClientAuth,
    Credentials,
    client_id_of,
    key_of,
)
from connections.errors import CannotUse, Problem
from connections.jose import MIN_SECRET_BYTES, fresh_claims, sign_with_key, sign_with_secret
from connections.source import TokenSource


class _ClientAssertion(ClientAuth):
    signs = True

    def apply(self, source: TokenSource, now: datetime) -> Credentials:
        client_id = client_id_of(source)
        claims = {"iss": client_id, "sub": client_id, "aud": source.settings.get("assertion_audience")}
        claims["aud"] = claims["aud"] or source.token_url
        assertion = self.sign(source, claims | fresh_claims(now, seconds=ASSERTION_SECONDS))
        form = (("client_id", client_id), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion))
        return Credentials(form=form, secrets=(assertion,))

    @abstractmethod
    def sign(self, source: TokenSource, claims: Mapping[str, Any]) -> str:
        """Return the claims as a signed assertion. Raises CannotUse."""


class ClientSecretJwt(_ClientAssertion):
    """An assertion signed by HS256 with the client secret, which itself does not travel."""

    name = "client_secret_jwt"
    label = "client_secret_jwt"
    explanation = _("The secret signs a short-lived assertion (HS256) and does not travel itself.")
    needs_secret = True

    def problems(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Problem]:
        secret = secrets.get("client_secret", "")
        if secret and len(secret.encode()) < MIN_SECRET_BYTES:
            message = _("To sign with HS256 the secret must be at least 32 characters long (RFC 7518).")
            yield Problem("client_secret", "secret_too_short", message)
        elif secret and not self._can_sign(secret):
            message = _("This is a key or a certificate of another kind. HS256 needs a secret that both sides know.")
            yield Problem("client_secret", "secret_is_key", message)

    def _can_sign(self, secret: str) -> bool:
        try:
            return bool(sign_with_secret(secret, {}))
        except CannotUse:
            return False

    def sign(self, source: TokenSource, claims: Mapping[str, Any]) -> str:
        return sign_with_secret(source.secrets.get("client_secret", ""), claims)


class PrivateKeyJwt(_ClientAssertion):
    """An assertion signed with the private key of a key pair."""

    name = "private_key_jwt"
    label = "private_key_jwt"
    explanation = _("The private key signs a short-lived assertion; the server knows the certificate.")
    needs_key = True

    def sign(self, source: TokenSource, claims: Mapping[str, Any]) -> str:
        key_id = source.settings.get("key_id")
        return sign_with_key(key_of(source), claims, header={"kid": key_id} if key_id else None)


CLIENT_SECRET_JWT = ClientSecretJwt()
PRIVATE_KEY_JWT = PrivateKeyJwt()
