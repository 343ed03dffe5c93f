"""From a webhook's configuration to a plan: everything that stays the same from message to message, prepared once.

No repr shows a secret.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings

from connections.key_pairs import KeyMaterial
from connections.tokens import Token, TokenSource
from outbound.masking import MASK, masked_url, query_values
from outbound.redaction import Redactor
from outbound.transfer import Tls
from webhooks.auth import registry
from webhooks.auth.method import AuthHeader
from webhooks.errors import CannotPlan
from webhooks.signing import PREFIX, secret_key
from webhooks.tags import TagSigner, UnusableKey, has_tags, make_signer

# Never shown, whoever set them.
CREDENTIAL_NAMES = frozenset({"authorization", "proxy-authorization"})


@dataclass(frozen=True, slots=True, repr=False)
class OwnHeader:
    """A header of the participant's own."""

    name: str
    value: str
    secret: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class PlanParts:
    """A webhook's configuration with its secrets opened. Signing secrets: the current one, then the previous one, which
    signs too until `overlap_until`. `token`: where to get the token that the method asks for. `client_key`: what is
    shown to a receiver that wants a client certificate. A form not saved yet has no ids."""

    participant_id: int
    url: str
    auth_method: str
    auth_settings: Mapping[str, str]
    auth_secrets: Mapping[str, str]
    own_headers: tuple[OwnHeader, ...]
    private_ca: str
    signing_secrets: tuple[str, ...]
    overlap_until: datetime | None = None
    token: TokenSource | None = None
    client_key: KeyMaterial | None = None
    body_format: str = "documented"
    webhook_id: int | None = None
    webhook_uuid: UUID | None = None
    version_id: int | None = None
    retry_interval_seconds: int = 300
    max_attempts: int = 1
    backoff: str = "fixed"
    rate_limit_count: int | None = None
    rate_limit_period_seconds: int | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class SendPlan(PlanParts):
    """The parts and what is prepared of them: all that is needed to send any message of one webhook now, but a token
    where `token` says where it comes from. `tags`: fills the tags of the own headers; None when there are none."""

    headers: tuple[tuple[str, str], ...]
    secret_names: frozenset[str]
    own_content_type: bool
    signing_keys: tuple[bytes, ...]
    tls: Tls | None
    tags: TagSigner | None
    redactor: Redactor

    def __repr__(self) -> str:
        return f"<SendPlan webhook={self.webhook_id} version={self.version_id}>"

    @cached_property
    def shown_url(self) -> str:
        """The address as it may be stored and shown."""
        return masked_url(self.url)

    @cached_property
    def redacted(self) -> list[list[str]]:
        """The prepared headers as they may be stored and shown."""
        return [
            [name, MASK if name.lower() in self.secret_names else self.redactor.text(value)]
            for name, value in self.headers
        ]

    def redactor_with(self, token: Token | None) -> Redactor:
        """Return what masks the answer to a request that carried this token: the plan's own secrets and the token."""
        if token is None:
            return self.redactor
        # The same token serves many requests, and the forms of a value to look for take a while to make.
        value, redactor = self.__dict__.get("_with_token", ("", None))
        if redactor is None or value != token.value:
            redactor = self.redactor.also(token.value)
            self.__dict__["_with_token"] = (token.value, redactor)
        return redactor


def build_plan(parts: PlanParts) -> SendPlan:
    """Prepare all that does not depend on the message. Raises CannotPlan."""
    credentials = _apply_method(parts)
    own_names = {header.name.lower() for header in parts.own_headers}
    headers = [(header.name, header.value) for header in credentials]
    headers += [(header.name, header.value) for header in parts.own_headers]
    if "user-agent" not in own_names:
        headers.append(("User-Agent", f"Gancho/{settings.PORTAL_VERSION}"))
    secret_names = {header.name.lower() for header in credentials}
    secret_names |= {header.name.lower() for header in parts.own_headers if header.secret}
    return SendPlan(
        **vars(parts),
        headers=tuple(headers),
        secret_names=frozenset(secret_names | CREDENTIAL_NAMES),
        own_content_type="content-type" in own_names,
        signing_keys=_signing_keys(parts.signing_secrets),
        tls=_make_tls(parts.private_ca, parts.client_key),
        tags=_make_tags(parts),
        redactor=Redactor(_secret_values(parts, credentials)),
    )


def _apply_method(parts: PlanParts) -> tuple[AuthHeader, ...]:
    try:
        method = registry.get(parts.auth_method)
    except KeyError:
        raise CannotPlan("auth_method_unknown") from None
    if method.kinds:
        if parts.token is None:
            raise CannotPlan("auth_incomplete")
        return ()
    if not method.is_complete(parts.auth_settings, parts.auth_secrets):
        raise CannotPlan("auth_incomplete")
    return method.apply(parts.auth_settings, parts.auth_secrets)


def _make_tls(private_ca: str, client_key: KeyMaterial | None) -> Tls | None:
    if client_key is None:
        return Tls(ca_pem=private_ca) if private_ca else None
    return Tls(private_ca, client_key.certificate_pem, client_key.private_key_pem)


def _make_tags(parts: PlanParts) -> TagSigner | None:
    """Tags are filled in with the key of the method's token request; without one a stored tag would go out as text."""
    if not any(has_tags(header.value) for header in parts.own_headers):
        return None
    key = parts.token.key_pair if parts.token else None
    try:
        return make_signer(key.private_key_pem if key else "")
    except UnusableKey as unusable:
        raise CannotPlan("tags_without_key", unusable.code) from None


def _signing_keys(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    if not secrets:
        raise CannotPlan("signing_secret_missing")
    try:
        return tuple(secret_key(secret) for secret in secrets)
    except ValueError:
        raise CannotPlan("signing_secret_missing") from None


def _secret_values(parts: PlanParts, credentials: Iterable[AuthHeader]) -> list[Any]:
    return [
        *(value for header in credentials for value in header.secrets),
        *(header.value for header in parts.own_headers if header.secret),
        *parts.auth_secrets.values(),
        *(parts.token.secret_values if parts.token else ()),
        *parts.signing_secrets,
        *(secret.removeprefix(PREFIX) for secret in parts.signing_secrets),
        *query_values(parts.url),
    ]
