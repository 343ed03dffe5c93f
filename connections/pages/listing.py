"""What the lists of connections and of key pairs show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from connections.expiry import Validity
from connections.kinds.jwt_7523 import TokenOfMinutes
from connections.kinds.kind import Kind
from connections.kinds.registry import KINDS
from connections.models import Connection, KeyPair
from connections.pages.states import StateView, TokenFacts, describe_connection, describe_key_pair, load_token_facts
from connections.pages.users import Use, load_connection_uses, load_key_pair_uses
from connections.querysets import LiveQuerySet
from connections.searching import find_by_address
from outbound.masking import masked_url

A_PAGE = 25


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody looks for in a list."""

    text: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        return cls(parameters.get("q", "").replace("\0", "")[:100].strip())

    def find_connections(self, connections: LiveQuerySet) -> LiveQuerySet:
        """By name, kind and address. Of an address only what may be read: no search confirms a guess about the rest."""
        found = connections
        for word in self.text.split():
            kinds = [kind.name for kind in KINDS.values() if word.lower() in name_kind(kind).lower()]
            addressed = find_by_address(connections, word)
            found = found.filter(Q(name__icontains=word) | Q(kind__in=kinds) | Q(pk__in=addressed))
        return found.order_by("name", "pk")

    def find_key_pairs(self, key_pairs: LiveQuerySet) -> LiveQuerySet:
        found = key_pairs
        for word in self.text.split():
            named = Q(name__icontains=word) | Q(subject__icontains=word) | Q(issuer__icontains=word)
            found = found.filter(named | Q(fingerprint__startswith=word.lower().replace(":", "")))
        return found.order_by("name", "pk")


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    connection: Connection
    kind: str
    address: str
    uses: list[Use]
    token: TokenFacts
    state: StateView


@dataclass(frozen=True, slots=True)
class KeyPairRow:
    key_pair: KeyPair
    uses: list[Use]
    state: Validity


def build_connection_rows(
    request: HttpRequest, connections: Sequence[Connection], now: datetime
) -> list[ConnectionRow]:
    """Return a row for each; they carry their key pairs. Two queries, however many there are."""
    uses, facts = load_connection_uses(request, connections), load_token_facts(connections)
    return [
        ConnectionRow(
            connection=connection,
            kind=kind_label(connection),
            address=masked_url(connection.token_url),
            uses=uses[connection.pk],
            token=facts.get(connection.pk, TokenFacts()),
            state=describe_connection(connection, facts.get(connection.pk), now),
        )
        for connection in connections
    ]


def build_key_pair_rows(request: HttpRequest, key_pairs: Sequence[KeyPair], now: datetime) -> list[KeyPairRow]:
    uses = load_key_pair_uses(request, key_pairs)
    return [KeyPairRow(key_pair, uses[key_pair.pk], describe_key_pair(key_pair, now)) for key_pair in key_pairs]


def kind_label(connection: Connection) -> str:
    kind = KINDS.get(connection.kind)
    return name_kind(kind) if kind else connection.kind


def name_kind(kind: Kind) -> str:
    """Return the name of a kind among all the others: a webhook's form shows those of JWT Bearer in their own area."""
    bearer = isinstance(kind, TokenOfMinutes)
    return _("JWT Bearer, %(method)s") % {"method": kind.label} if bearer else str(kind.label)
