"""What is stored of a webhook's authentication, wherever it stands: in its own columns, or in a connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connections.models import Connection, KeyPair
from vault.errors import UnreadableSecret
from vault.sealed_json import open_json
from webhooks.auth.connected import CONNECTION, KIND, PRIVATE_CA
from webhooks.models import Webhook


@dataclass(frozen=True, repr=False)
class StoredAuth:
    """The values of one method, secrets opened; what can't be opened counts as missing, so it has to be given again.
    `own`: the connection that belongs to the webhook. `headers`: rows of the token request, without their secrets."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    set_at: datetime | None = None
    headers: Sequence[Mapping[str, Any]] = ()
    own: Connection | None = None

    @property
    def key_pair(self) -> KeyPair | None:
        return self.own.key_pair if self.own else None


def read_stored_auth(webhook: Webhook | None, method: str) -> StoredAuth:
    """Return what is stored for this method: nothing while another one is the webhook's. Another method's secrets are
    never taken over, even where two settings share a name."""
    if webhook is None or webhook.auth_method != method:
        return StoredAuth()
    if webhook.connection is None:
        return StoredAuth(webhook.auth_settings, _opened(webhook, "auth_secrets"), webhook.auth_secrets_set_at)
    if webhook.connection.shared:
        return StoredAuth({CONNECTION: str(webhook.connection.uuid)})
    return _read_own(webhook.connection)


def _read_own(connection: Connection) -> StoredAuth:
    columns = {KIND: connection.kind, "token_url": connection.token_url, PRIVATE_CA: connection.private_ca}
    settings = {name: value for name, value in connection.settings.items() if name != "headers"}
    rows = connection.settings.get("headers", ())
    secrets = _opened(connection, "secrets")
    return StoredAuth(settings | columns, secrets, connection.secrets_set_at, rows, connection)


def _opened(row: Webhook | Connection, column: str) -> dict[str, str]:
    try:
        return open_json(getattr(row, column))
    except UnreadableSecret:
        return {}
