"""From a plan and a message to one HTTP request.

The work per message is one HMAC and a few tuples; a private key's signature only where a header has tags. Deliveries
and Testar go through the same `build_plan` and `build_request`. No repr shows a secret.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connections.errors import CannotUse
from connections.tokens import Token, material_of, source_of
from outbound.masking import MASK
from outbound.transfer import Request
from vault.errors import UnreadableSecret
from vault.sealed_json import open_json
from webhooks.auth.method import AUTHORIZATION
from webhooks.errors import CannotPlan
from webhooks.formats.body import JSON_CONTENT_TYPE
from webhooks.models import Webhook, WebhookHeader
from webhooks.plans import CREDENTIAL_NAMES, OwnHeader, PlanParts, SendPlan, build_plan
from webhooks.signing import sign

METHOD = "POST"


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
