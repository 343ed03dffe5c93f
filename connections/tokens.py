"""Getting one token: from an opened connection to a token, or to the reason why there is none.

No repr shows a secret.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from connections.failures import TokenFailure
from connections.key_pairs import KeyMaterial
from connections.models import Connection

if TYPE_CHECKING:
    from connections.cache import Refresh


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
        """64 hexadecimal digits: connection, credential version, and a digest of all that is asked for. Secrets are
        not part of it, whose version is: a digest of a password could be tried against."""
        asked = [self.connection_id, str(self.credential_version), self.settings, self.arguments]
        canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def secret_values(self) -> tuple[str, ...]:
        """What must be masked wherever it turns up."""
        return tuple(value for value in self.secrets.values() if value)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token that may be used now. `type` is the word of `Authorization`. From `refresh_at` on a new one is wanted;
    `refresh` is set for the one caller who is to get it, while this one still holds."""

    value: str
    type: str
    obtained_at: datetime
    refresh_at: datetime
    expires_at: datetime | None
    refresh: "Refresh | None" = None

    def __repr__(self) -> str:
        return f"<Token {self.type} until {self.expires_at}>"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class TokenExchange:
    """What came of asking for a token, as it may be shown: `exchange` is redacted JSON of the shape that
    outbound.trace.list_steps reads (empty when the token was in the cache)."""

    token: Token | None
    failure: TokenFailure | None
    exchange: dict[str, Any]
    cached: bool = False


def source_of(connection: Connection, *, arguments: Mapping[str, Any] | None = None) -> TokenSource:
    """Open a stored connection, with its key pair. Raises UnreadableSecret, CannotUse."""
    raise NotImplementedError


def obtain_token(source: TokenSource, *, use_cache: bool = False) -> TokenExchange:
    """Ask for a token and wait for the answer. Never inside a transaction. `use_cache`: take one from the cache, and
    put a new one into it; otherwise the cache is neither asked nor told."""
    raise NotImplementedError
