"""Values whose kept secrets are filled in from what is stored: what is judged, saved and tried."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from access.models import Participant
from connections.drafts import server_of
from vault.errors import UnreadableSecret
from vault.kept import KEPT
from webhooks.auth.connected import ConnectionMethod
from webhooks.auth.method import AuthMethod
from webhooks.auth.registry import METHODS
from webhooks.errors import Problem
from webhooks.key_drafts import KeyPairDraft, make_key_pair_draft
from webhooks.models import Webhook, WebhookHeader
from webhooks.stored import read_stored_auth
from webhooks.token_drafts import TokenDraft, make_token_draft
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
    """`method` is None when no method has that name; `token` unless the method sends one; `again`: the fields of kept
    secrets that would go to another server than the one that they were entered for."""

    values: WebhookValues
    webhook: Webhook | None
    method: AuthMethod | None
    auth_settings: Mapping[str, str]
    auth_secrets: Mapping[str, str]
    headers: tuple[DraftHeader, ...]
    client_key_pair: KeyPairDraft
    token: TokenDraft | None = None
    again: tuple[str, ...] = ()

    def auth_problems(self) -> Iterator[Problem]:
        if self.token:
            yield from self.token.problems()
        elif self.method:
            yield from self.method.problems(self.auth_settings, self.auth_secrets)


def make_draft(values: WebhookValues, webhook: Webhook | None, participant: Participant | None = None) -> Draft:
    """Fill in what is kept, and find what is shared, which is the participant's. A stored secret that can't be opened
    counts as missing, so it has to be given again."""
    method = METHODS.get(values.auth_method)
    participant = webhook.participant if webhook else participant
    stored = {header.uuid: header for header in webhook.headers.all()} if webhook else {}
    own = webhook.client_key_pair if webhook else None
    return Draft(
        values=values,
        webhook=webhook,
        method=method,
        auth_settings=method.public_settings(values.auth_settings) if method else {},
        auth_secrets=_auth_secrets(values, webhook, method) if method else {},
        headers=tuple(_draft_header(header, stored) for header in values.headers),
        client_key_pair=make_key_pair_draft(values.client_key_pair, own, participant),
        token=make_token_draft(values, method, webhook, participant) if isinstance(method, ConnectionMethod) else None,
        again=tuple(_kept_fields(values, webhook, method)) if webhook and _goes_elsewhere(values, webhook) else (),
    )


def _goes_elsewhere(values: WebhookValues, webhook: Webhook) -> bool:
    server = server_of(values.request_uri)
    return server is not None and server != server_of(webhook.request_uri)


def _kept_fields(values: WebhookValues, webhook: Webhook, method: AuthMethod | None) -> Iterator[str]:
    if method is not None and not method.kinds:
        stored = read_stored_auth(webhook, method.name).secrets
        for name in method.secret_names():
            if stored.get(name) and values.auth_secrets.get(name, KEPT) is KEPT:
                yield f"auth.{name}"
    secret = {row.uuid for row in webhook.headers.all() if row.secret}
    for index, header in enumerate(values.headers):
        if header.value is KEPT and header.uuid in secret:
            yield f"headers.{index}.value"


def _auth_secrets(values: WebhookValues, webhook: Webhook | None, method: AuthMethod) -> dict[str, str]:
    stored, found = read_stored_auth(webhook, method.name).secrets, {}
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
