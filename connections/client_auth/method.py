"""What every way of client authentication at a token endpoint is made of (RFC 6749 2.3, OpenID Connect Core 9)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connections.errors import CannotUse, Problem
from connections.failures import KEY_UNUSABLE
from connections.key_pairs import KeyMaterial
from connections.source import TokenSource

# An assertion is used once, within seconds; servers refuse those that live long.
ASSERTION_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a client authentication adds to a token request. `secrets` must be masked wherever they turn up;
    `certificate`: the key pair's certificate is presented when the connection is made."""

    headers: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    certificate: bool = False

    def __repr__(self) -> str:
        return f"<Credentials {len(self.headers)} headers, {len(self.form)} fields>"


class ClientAuth(ABC):
    """One way in which the portal proves to a token endpoint which client it is. Stateless."""

    name: ClassVar[str]
    label: ClassVar[Promise | str]
    explanation: ClassVar[Promise]
    needs_secret: ClassVar[bool] = False
    needs_key: ClassVar[bool] = False
    signs: ClassVar[bool] = False
    sets_authorization: ClassVar[bool] = False

    def problems(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Problem]:
        """Yield what is wrong with the values given, besides missing ones."""
        yield from ()

    @abstractmethod
    def apply(self, source: TokenSource, now: datetime) -> Credentials:
        """Return what to add to a request made now. Raises CannotUse."""


def key_of(source: TokenSource) -> KeyMaterial:
    """Return the key pair of a source that can't do without. Raises CannotUse."""
    if source.key_pair is None:
        raise CannotUse(KEY_UNUSABLE, "key_pair_missing")
    return source.key_pair


def client_id_of(source: TokenSource) -> str:
    return str(source.settings.get("client_id", ""))


NOT_SHORT_ENOUGH = _("Client ID and secret together are too long for HTTP Basic.")
