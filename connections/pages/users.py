"""Who uses connections and key pairs, with the way there. What stands above this floor is asked by slots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from access import slots
from connections.models import Connection, KeyPair


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that uses a row. `url` is its page; empty where it has none."""

    name: str
    url: str = ""


Uses = dict[int, list[Use]]


def load_connection_uses(request: HttpRequest, connections: Sequence[Connection]) -> Uses:
    """Return what uses each connection, by its id. Slot `connection_uses`: lists of Use by the ids of those used."""
    found: Mapping[int, list[Use]] = slots.call("connection_uses", request, connections=connections) or {}
    return {connection.pk: list(found.get(connection.pk, ())) for connection in connections}


def load_key_pair_uses(request: HttpRequest, key_pairs: Sequence[KeyPair]) -> Uses:
    """Return what uses each key pair, by its id: what stands above, directly or by a connection of its own (slot
    `key_pair_uses`), and the connections that are shared."""
    above: Mapping[int, list[Use]] = slots.call("key_pair_uses", request, key_pairs=key_pairs) or {}
    uses: Uses = {key_pair.pk: list(above.get(key_pair.pk, ())) for key_pair in key_pairs}
    for connection in Connection.objects.live().shared().filter(key_pair__in=uses).order_by("name"):
        assert connection.key_pair_id is not None
        url = reverse("connections:connection-detail", args=[connection.uuid])
        uses[connection.key_pair_id].append(Use(connection.name, url))
    return uses
