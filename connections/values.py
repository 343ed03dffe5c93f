"""What a form, a command or a program wants a connection to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connections.models import KeyPair
from vault.kept import Kept


@dataclass(frozen=True)
class TokenHeader:
    """A header of the token request only. `id` names the stored header that it continues, whose value KEPT refers to;
    a secret one's value is stored sealed."""

    name: str
    value: str | Kept = field(repr=False)
    secret: bool = True
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class ConnectionValues:
    """All values of one connection. Secrets are given by name; one left out, like KEPT, leaves the stored value, and an
    empty text clears it. Settings and secrets that its kind doesn't have are dropped. `kind` can't be changed later."""

    kind: str
    name: str
    description: str = ""
    shared: bool = True
    token_url: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str | Kept] = field(default_factory=dict, repr=False)
    headers: tuple[TokenHeader, ...] = ()
    key_pair: KeyPair | None = None
    private_ca: str = ""
