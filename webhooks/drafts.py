"""Values whose kept secrets are filled in from what is stored: what is judged, saved and tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from vault.errors import UnreadableSecret
from vault.kept import KEPT
from vault.sealed_json import open_json
from webhooks.auth.method import AuthMethod
from webhooks.auth.registry import METHODS
from webhooks.models import Webhook, WebhookHeader
from webhooks.values import HeaderValues, WebhookValues


@dataclass(frozen=True, repr=False)
class DraftHeader:
    """A header with its value. `stored` is the row that it continues; `hidden` says that a stored secret was to become
    visible without being given again, which would show it."""

    name: str
    value: str
    secret: bool
    stored: WebhookHeader | None = None
    hidden: bool = False


@dataclass(frozen=True, repr=False)
class Draft:
    """`method` is None when no method has that name."""

    values: WebhookValues
    webhook: Webhook | None
    method: AuthMethod | None
    auth_settings: Mapping[str, str]
    auth_secrets: Mapping[str, str]
    headers: tuple[DraftHeader, ...]


def make_draft(values: WebhookValues, webhook: Webhook | None) -> Draft:
    """Fill in what is kept. A stored secret that can't be opened counts as missing, so it has to be given again."""
    method = METHODS.get(values.auth_method)
    stored = {header.uuid: header for header in webhook.headers.all()} if webhook else {}
    return Draft(
        values=values,
        webhook=webhook,
        method=method,
        auth_settings=method.public_settings(values.auth_settings) if method else {},
        auth_secrets=_auth_secrets(values, webhook, method),
        headers=tuple(_draft_header(header, stored) for header in values.headers),
    )


def stored_auth_secrets(webhook: Webhook | None) -> dict[str, str]:
    """Return what is stored; nothing when it can't be opened."""
    try:
        return open_json(webhook.auth_secrets) if webhook else {}
    except UnreadableSecret:
        return {}


def _auth_secrets(values: WebhookValues, webhook: Webhook | None, method: AuthMethod | None) -> dict[str, str]:
    if method is None:
        return {}
    # Another method's secrets are never taken over, even where two settings share a name.
    stored = stored_auth_secrets(webhook) if webhook and webhook.auth_method == method.name else {}
    found = {}
    for name in method.secret_names():
        given = values.auth_secrets.get(name, KEPT)
        found[name] = stored.get(name, "") if given is KEPT else given
    return {name: value for name, value in found.items() if value}


def _draft_header(header: HeaderValues, stored: dict[UUID, WebhookHeader]) -> DraftHeader:
    # Taken out: of two headers under one uuid, which no form sends, only the first continues the stored one.
    row = stored.pop(header.uuid, None) if header.uuid else None
    if header.value is not KEPT:
        return DraftHeader(header.name, header.value, header.secret, row)
    hidden = row is not None and row.secret and not header.secret
    return DraftHeader(header.name, _stored_value(row) if not hidden else "", header.secret, row, hidden)


def _stored_value(row: WebhookHeader | None) -> str:
    if row is None:
        return ""
    try:
        return row.sealed_value if row.secret else row.value
    except UnreadableSecret:
        return ""
