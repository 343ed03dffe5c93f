"""Whether a draft touches credentials, so that who saves or tries it must prove first who they are.

A credential is what the receiver, or the server that gives the token, recognises us by: secrets with the settings of
their method, secret headers, certificates, and where all that is sent. The signing secret is none of the form's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connections.drafts import server_of, stored_secrets, unix_lines
from connections.models import Connection
from outbound.addresses import is_plain_http
from vault.errors import UnreadableSecret
from webhooks.drafts import Draft
from webhooks.models import Webhook, WebhookHeader
from webhooks.stored import read_stored_auth
from webhooks.token_drafts import TokenDraft

NO_METHOD = "none"
# In place of the id of a row that is still to be made: it equals nothing that is stored.
UPLOADED = -1


@dataclass(frozen=True, repr=False)
class Credentials:
    """All that belongs to one webhook, ready to be compared. `token`: what one is asked for with."""

    method: str = NO_METHOD
    settings: Mapping[str, Any] | None = None
    secrets: Mapping[str, str] | None = None
    headers: frozenset[tuple[str, str | None]] = frozenset()
    token: tuple[Any, ...] | None = None
    client_key_pair: int | None = None


NOTHING = Credentials()


def changes_credentials(draft: Draft) -> bool:
    """Return whether saving this draft creates, replaces or removes a credential, or sends one to another server.

    A stored secret that can't be opened counts as another one.
    """
    before = _stored(draft.webhook) if draft.webhook else NOTHING
    after = _wanted(draft)
    return before != after or (after != NOTHING and _goes_elsewhere(draft))


def gives_stored_away(draft: Draft) -> bool:
    """Return whether a test with this draft would hand a stored secret, or a token or an assertion made with one, to a
    server that does not get it now, or past who may vouch for it now: like looking at it."""
    if _goes_elsewhere(draft) and _keeps_secret(draft):
        return True
    token = draft.token
    if token is None or not (token.shared or token.own.connection or token.key_pair.stored):
        return False
    return _goes_elsewhere(draft) or draft.webhook is None or _stored_token(draft.webhook) != _wanted_token(token)


def _keeps_secret(draft: Draft) -> bool:
    """Whether a value that stands sealed would be sent, under whichever name."""
    if draft.webhook is None:
        return False
    old, new = _stored(draft.webhook), _wanted(draft)
    return bool(_values(old) & (_values(new) | {header.value for header in draft.headers}))


def _values(credentials: Credentials) -> set[str]:
    named = [*(credentials.secrets or {}).items(), *credentials.headers]
    return {value for _name, value in named if value}


def _goes_elsewhere(draft: Draft) -> bool:
    if draft.webhook is None:
        return True
    new, old = draft.values.request_uri, draft.webhook.request_uri
    if server_of(new) != server_of(old) or (is_plain_http(new) and not is_plain_http(old)):
        return True
    # Another authority may vouch for another server of the same name.
    return unix_lines(draft.values.private_ca).strip() != draft.webhook.private_ca


def _stored(webhook: Webhook) -> Credentials:
    own = read_stored_auth(webhook, webhook.auth_method)
    secret = (header for header in webhook.headers.all() if header.secret)
    plain = webhook.connection is None and webhook.auth_method != NO_METHOD
    return Credentials(
        method=webhook.auth_method,
        settings=dict(own.settings) if plain else None,
        secrets=dict(own.secrets) if plain else None,
        headers=frozenset((header.name, _opened(header)) for header in secret),
        token=_stored_token(webhook),
        client_key_pair=webhook.client_key_pair_id,
    )


def _wanted(draft: Draft) -> Credentials:
    method = draft.values.auth_method
    plain = draft.token is None and method != NO_METHOD
    client = draft.client_key_pair
    return Credentials(
        method=method,
        settings=dict(draft.auth_settings) if plain else None,
        secrets=dict(draft.auth_secrets) if plain else None,
        headers=frozenset((header.name, header.value) for header in draft.headers if header.secret),
        token=_wanted_token(draft.token) if draft.token else None,
        client_key_pair=UPLOADED if client.upload else client.stored.pk if client.stored else None,
    )


def _opened(header: WebhookHeader) -> str | None:
    try:
        return header.sealed_value
    except UnreadableSecret:
        return None


def _stored_token(webhook: Webhook) -> tuple[Any, ...] | None:
    connection: Connection | None = webhook.connection
    if connection is None:
        return None
    if connection.shared:
        return ("shared", connection.pk)
    asked = (connection.kind, connection.token_url, dict(connection.settings), connection.private_ca)
    return ("own", *asked, stored_secrets(connection), connection.key_pair_id)


def _wanted_token(token: TokenDraft) -> tuple[Any, ...]:
    if token.shared:
        return ("shared", token.shared.pk)
    own, pair = token.own, token.key_pair
    key_pair = UPLOADED if pair.upload else pair.stored.pk if pair.stored else None
    asked = (own.values.kind, own.token_url, dict(own.settings), own.private_ca)
    return ("own", *asked, dict(own.secrets), key_pair)
