"""From a webhook's configuration to one HTTP request: everything that stays the same is prepared once per plan.

The work per message is one HMAC and a few tuples; a private key's signature only where a header has tags. Deliveries
and Testar go through the same `build_plan` and `build_request`. No repr shows a secret.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings

from connections.errors import CannotUse
from connections.key_pairs import KeyMaterial
from connections.tokens import Token, TokenSource, material_of, source_of
from outbound.masking import MASK, masked_url, query_values
from outbound.redaction import Redactor
from outbound.transfer import Request, Tls
from vault.errors import UnreadableSecret
from vault.sealed_json import open_json
from webhooks.auth import registry
from webhooks.auth.method import AUTHORIZATION, AuthHeader
from webhooks.errors import CannotPlan
from webhooks.formats.body import JSON_CONTENT_TYPE
from webhooks.models import Webhook, WebhookHeader
from webhooks.signing import PREFIX, secret_key, sign
from webhooks.tags import TagSigner, UnusableKey, has_tags, make_signer

METHOD = "POST"
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


@dataclass(frozen=True, slots=True)
class PlanError:
    """Why a webhook can't be sent to. `code` is one of webhooks.diagnosis, `detail` is safe to store."""

    code: str
    detail: str = ""


@dataclass(slots=True)
class Message:
    """What is sent: `message_id` is the delivery's uuid and stays the same on every attempt, as do the bytes."""

    message_id: UUID
    event_id: UUID
    event_type: str
    cause: str
    body: bytes
    content_type: str = JSON_CONTENT_TYPE


def build_request(
    plan: SendPlan, message: Message, now: datetime, not_after: float | None = None, *, token: Token | None = None
) -> Request:
    """Return the request of one attempt, signed at `now`. `not_after`: time.monotonic() seconds, see outbound.

    A plan with a `token` source needs one to be accepted by the receiver; without it, its `Authorization` is left out.
    The door judges every header once more when the request is sent, the filled ones included.
    """
    headers = plan.headers if plan.tags is None else plan.tags.fill(plan.headers, message.body, now)
    if token is not None:
        headers = ((AUTHORIZATION, f"Bearer {token.value}"), *headers)
    own = _own_headers(plan, message, now)
    return Request(METHOD, plan.url, headers + own, message.body, tls=plan.tls, not_after=not_after)


def _own_headers(plan: SendPlan, message: Message, now: datetime) -> tuple[tuple[str, str], ...]:
    message_id = f"msg_{message.message_id}"
    timestamp = int(now.timestamp())
    keys = plan.signing_keys
    if plan.overlap_until is None or now >= plan.overlap_until:
        keys = keys[:1]
    own: tuple[tuple[str, str], ...] = (
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", sign(keys, message_id=message_id, timestamp=timestamp, body=message.body)),
        ("gancho-event-id", str(message.event_id)),
        ("gancho-event-type", message.event_type),
        ("gancho-cause", message.cause),
    )
    return own if plan.own_content_type else (*own, ("Content-Type", message.content_type))


def redacted_headers(plan: SendPlan, request: Request) -> list[list[str]]:
    """Return the headers of a request of `build_request` as they may be stored and shown."""
    # Besides the prepared ones there are ids, a time and a signature, which are no secrets, and perhaps a token.
    prepared = {name: (value, shown) for (name, value), (_, shown) in zip(plan.headers, plan.redacted, strict=True)}
    return [[name, _shown(plan, name, value, prepared.get(name))] for name, value in request.headers]


def _shown(plan: SendPlan, name: str, value: str, prepared: tuple[str, str] | None) -> str:
    if prepared is None:
        return MASK if name.lower() in CREDENTIAL_NAMES else value
    template, shown = prepared
    if value == template:
        return shown
    return MASK if name.lower() in plan.secret_names else plan.redactor.text(value)


class PlanCache:
    """Plans by webhook and version, so that a claim need not open the same secrets again and again.

    Every change of a webhook makes a new version, and a claim asks for the one in force: what it gets is never older
    than that. For what changes without one, such as a secret spoilt in the database, a plan is made anew after a
    minute. Belongs to one thread.
    """

    KEEP_SECONDS = 60.0
    KEEP_PLANS = 10_000

    def __init__(self) -> None:
        self._kept: dict[int, tuple[SendPlan, float]] = {}

    def load(self, versions: Mapping[int, int | None]) -> dict[int, SendPlan | PlanError]:
        """Return a plan, or why there is none, for each webhook id, whose current version's id is its value."""
        now, found = time.monotonic(), dict[int, SendPlan | PlanError]()
        for webhook_id, version_id in versions.items():
            plan, until = self._kept.get(webhook_id, (None, 0.0))
            if plan is not None and plan.version_id == version_id is not None and until > now:
                found[webhook_id] = plan
        missing = versions.keys() - found.keys()
        return (found | self._load(missing, now)) if missing else found

    def _load(self, webhook_ids: Iterable[int], now: float) -> dict[int, SendPlan | PlanError]:
        loaded = load_plans(webhook_ids)
        if len(self._kept) + len(loaded) > self.KEEP_PLANS:
            self._kept.clear()
        for webhook_id, plan in loaded.items():
            if isinstance(plan, SendPlan):
                self._kept[webhook_id] = (plan, now + self.KEEP_SECONDS)
        return loaded


def load_plans(webhook_ids: Iterable[int]) -> dict[int, SendPlan | PlanError]:
    """Return a plan, or why there is none, for each id. Two queries, whatever the number of webhooks."""
    ids = set(webhook_ids)
    headers: dict[int, list[WebhookHeader]] = {}
    for header in WebhookHeader.objects.filter(webhook__in=ids).order_by("webhook_id", "position", "id"):
        headers.setdefault(header.webhook_id, []).append(header)
    found = {
        webhook.pk: _plan_or_error(webhook, headers.get(webhook.pk, []))
        for webhook in Webhook.objects.filter(pk__in=ids).select_related("connection__key_pair", "client_key_pair")
    }
    return {pk: found.get(pk) or PlanError("webhook_missing") for pk in ids}


def _plan_or_error(webhook: Webhook, headers: list[WebhookHeader]) -> SendPlan | PlanError:
    try:
        return build_plan(parts_of(webhook, headers))
    except UnreadableSecret as unreadable:
        return PlanError("secret_unreadable", unreadable.message)
    except (CannotPlan, CannotUse) as cannot:
        return PlanError(cannot.code, cannot.detail)


def parts_of(webhook: Webhook, headers: Iterable[WebhookHeader]) -> PlanParts:
    """Open a stored webhook. Raises UnreadableSecret, CannotUse."""
    return PlanParts(
        participant_id=webhook.participant_id,
        url=webhook.request_uri,
        auth_method=webhook.auth_method,
        auth_settings=webhook.auth_settings,
        auth_secrets=open_json(webhook.auth_secrets),
        own_headers=tuple(
            OwnHeader(header.name, header.sealed_value if header.secret else header.value, header.secret)
            for header in headers
        ),
        private_ca=webhook.private_ca,
        signing_secrets=tuple(filter(None, (webhook.signing_secret, webhook.previous_signing_secret))),
        overlap_until=webhook.previous_signing_secret_until,
        token=source_of(webhook.connection) if webhook.connection else None,
        client_key=material_of(webhook.client_key_pair) if webhook.client_key_pair else None,
        body_format=webhook.body_format,
        webhook_id=webhook.pk,
        webhook_uuid=webhook.uuid,
        version_id=webhook.current_version_id,
        retry_interval_seconds=webhook.retry_interval_seconds,
        max_attempts=webhook.max_attempts,
        backoff=webhook.backoff,
        rate_limit_count=webhook.rate_limit_count,
        rate_limit_period_seconds=webhook.rate_limit_period_seconds,
    )


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
