"""Versions: what was in force between two saves, written down without secrets."""

import hashlib
import json
from typing import Any

from connections.models import Connection
from outbound.masking import masked_url
from webhooks.models import Webhook, WebhookVersion

PLAIN_FIELDS = (
    "description",
    "request_uri",
    "active",
    "notify_suspect_score",
    "retry_interval_seconds",
    "max_attempts",
    "backoff",
    "rate_limit_count",
    "rate_limit_period_seconds",
    "body_format",
    "auth_method",
    "auth_settings",
    "private_ca",
)


def describe(webhook: Webhook) -> dict[str, Any]:
    """Return the stored values that are no secrets."""
    products = webhook.product_subscriptions.values_list("product__uuid", flat=True)
    headers = [
        {"name": header.name, "secret": header.secret} | ({} if header.secret else {"value": header.value})
        for header in webhook.headers.order_by("position", "id")
    ]
    return {name: getattr(webhook, name) for name in PLAIN_FIELDS} | {
        "headers": headers,
        "products": sorted(str(uuid) for uuid in products),
        "event_types": sorted(webhook.event_type_subscriptions.values_list("event_type", flat=True)),
        **_describe_credentials(webhook),
    }


def _describe_credentials(webhook: Webhook) -> dict[str, Any]:
    """Only what there is: versions of webhooks without any stay as they were."""
    found: dict[str, Any] = {}
    if webhook.connection:
        found["connection"] = describe_connection(webhook.connection)
    if webhook.client_key_pair:
        found["client_certificate"] = webhook.client_key_pair.fingerprint
    return found


def describe_connection(connection: Connection) -> dict[str, Any]:
    """Return what may be shown of where a token comes from."""
    return {
        "uuid": str(connection.uuid),
        "shared": connection.shared,
        "kind": connection.kind,
        "token_url": masked_url(connection.token_url),
        "settings": connection.settings,
        "private_ca": connection.private_ca,
        "certificate": connection.key_pair.fingerprint if connection.key_pair else "",
    }


def describe_secrets(webhook: Webhook) -> dict[str, Any]:
    """Return the ids of the versions of the stored secrets: they tell that one changed, never what it is."""
    headers = webhook.headers.filter(secret=True).order_by("position", "id")
    until = webhook.previous_signing_secret_until
    return {
        "auth": _text(webhook.auth_secrets_version),
        "signing": str(webhook.signing_secret_version),
        "headers": {header.name: _text(header.secret_version) for header in headers},
        # The end of an overlap is moved when it is ended early: senders keep their plans by version.
        **({"signing_overlap_until": until.isoformat()} if until else {}),
        # It covers all that a token request is made of, its addresses and keys included.
        **({"connection": str(webhook.connection.credential_version)} if webhook.connection else {}),
        **({"client_key": str(webhook.client_key_pair.private_key_version)} if webhook.client_key_pair else {}),
    }


def record_version(webhook: Webhook, *, by: str) -> WebhookVersion | None:
    """Append a version and make it the current one, unless nothing differs from the current one. Call it inside the
    transaction of the change, with the webhook's row locked: the numbers have no gaps."""
    settings, secrets = describe(webhook), describe_secrets(webhook)
    digest = compute_digest(settings, secrets)
    current = webhook.current_version
    if current is not None and current.digest == digest:
        return None
    version = WebhookVersion.objects.create(
        webhook=webhook,
        number=current.number + 1 if current else 1,
        settings=settings,
        secret_versions=secrets,
        digest=digest,
        by=by[:200],
    )
    webhook.current_version = version
    webhook.save(update_fields=["current_version"])
    return version


def compute_digest(settings: dict[str, Any], secrets: dict[str, Any]) -> str:
    canonical = json.dumps([settings, secrets], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def audited(version: WebhookVersion | None) -> dict[str, Any]:
    """Return a version as the audit trail keeps it: the values in the address's query masked."""
    if version is None:
        return {}
    url = version.settings["request_uri"]
    return version.settings | {
        "request_uri": masked_url(url),
        # Two addresses may differ only in what is masked.
        "request_uri_digest": hashlib.sha256(url.encode()).hexdigest()[:12],
        "secret_versions": version.secret_versions,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
