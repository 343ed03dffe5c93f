"""Who else stands on a data key: things made with a derived key, which can't be made anew when a key is dropped.

An app above registers one counter for each kind of row that keeps a key id, in its `AppConfig.ready`.
"""

from collections.abc import Callable

Counter = Callable[[str], int]

_counters: dict[str, Counter] = {}


def register(name: str, count: Counter) -> None:
    """`count(key_id)` returns how many rows of the kind `name` ("audit links") need the key `key_id`."""
    _counters[name] = count


def count_uses(key_id: str) -> dict[str, int]:
    """Return the kinds that need this key, with their numbers; empty when none does."""
    found = {name: count(key_id) for name, count in sorted(_counters.items())}
    return {name: number for name, number in found.items() if number}
