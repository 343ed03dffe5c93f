"""Who uses a connection or a key pair: what stands above registers a function for each, in its AppConfig.ready.

A connection or a key pair that something uses is not archived, and its page says what uses it.
"""

from collections.abc import Callable, Iterable

from connections.models import Connection, KeyPair

Finder = Callable[[Connection | KeyPair], Iterable[str]]

_finders: dict[str, Finder] = {}


def register(name: str, find: Finder) -> None:
    """`find(row)` returns the names, for people, of what uses a Connection or a KeyPair."""
    _finders[name] = find


def find_users(row: Connection | KeyPair) -> list[str]:
    """Return the names of everything that uses it: connections too, for a key pair."""
    found = [name for _name, find in sorted(_finders.items()) for name in find(row)]
    if isinstance(row, KeyPair):
        found += row.connections.filter(archived_at__isnull=True).order_by("name").values_list("name", flat=True)
    return found
