"""What goes into the token client and what comes out: plain values. No repr shows a secret."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from connections.failures import TokenFailure
from connections.key_pairs import KeyMaterial
from outbound.masking import query_values


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TokenSource:
    """A connection with its secrets opened: all that a token request needs. `connection_id` None: a form that is not
    saved yet, whose tokens are never kept. `arguments` are those of an operation (see Kind.arguments)."""

    connection_id: int | None
    participant_id: int
    credential_version: UUID | None
    kind: str
    token_url: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    key_pair: KeyMaterial | None
    private_ca: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<TokenSource {self.kind} connection={self.connection_id}>"

    @property
    def cache_key(self) -> str:
        """64 hexadecimal digits: connection, credential version, and all public values that a token depends on (scope,
        audience, authorization details). Secrets, the extra body among them, are there by their version only: against
        a digest of a password passwords could be tried."""
        asked = [self.connection_id, str(self.credential_version), self.settings, self.arguments]
        canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def secret_values(self) -> tuple[str, ...]:
        """What must be masked wherever it turns up: every secret, each value inside a body, and those of the address's
        query, where some endpoints want a key."""
        found = [value for value in (*self.secrets.values(), *query_values(self.token_url)) if value]
        return tuple(dict.fromkeys([*found, *(text for value in found for text in _texts_in(value))]))


def _texts_in(secret: str) -> Iterator[str]:
    if not secret.lstrip().startswith(("{", "[")):
        yield from (value for line in secret.splitlines() for _name, value in parse_qsl(line.strip()))
        return
    try:
        found = [json.loads(secret)]
    except (ValueError, RecursionError):
        return
    while found:
        value = found.pop()
        if isinstance(value, str | int | float):
            yield str(value)
        elif isinstance(value, dict | list):
            found += value.values() if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class Refresh:
    """This process won the right to fetch: hand it to `cache.fetch_for`. `by` marks the row, `at` is the moment it was
    won (by the caller's clock, `started` by time.monotonic()), `until` is when somebody else may take over."""

    key: str
    by: UUID
    at: datetime
    started: float
    until: datetime

    def moment(self) -> datetime:
        """Now, by the clock that it was won by."""
        return self.at + timedelta(seconds=time.monotonic() - self.started)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token that may be used now. `type` is the word of `Authorization`. From `refresh_at` on a new one is wanted;
    `refresh` is set for the one caller who is to get it, while this one still holds."""

    value: str
    type: str
    obtained_at: datetime
    refresh_at: datetime
    expires_at: datetime | None
    refresh: Refresh | None = None

    def __repr__(self) -> str:
        return f"<Token {self.type} until {self.expires_at}>"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class TokenExchange:
    """What came of asking for a token: the token or the failure, and how it went, as it may be stored and shown:
    `exchange` is redacted JSON for `steps.list_token_steps`, empty when the answer was in the cache (`cached`)."""

    token: Token | None
    failure: TokenFailure | None
    exchange: dict[str, Any]
    cached: bool = False

    @property
    def answer(self) -> Token | TokenFailure:
        """The one that is set."""
        found = self.token or self.failure
        assert found is not None
        return found

    def __repr__(self) -> str:
        return f"<TokenExchange {self.failure.code if self.failure else 'token'}>"
