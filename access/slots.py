"""Named slots: a lower page or action asks for something that only a floor above knows.

The floor above fills a slot once, while the apps start. A slot that nobody filled is empty, never an error: a lower app
works alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Filler = Callable[..., Any]

_fillers: dict[str, Filler] = {}


def fill(name: str, function: Filler) -> None:
    """Give slot `name` its filler. Raises ValueError when another function already fills it."""
    if _fillers.get(name, function) is not function:
        raise ValueError(f"slot {name!r} is already filled by {_fillers[name]!r}")
    _fillers[name] = function


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return what the filler of `name` answers, or None when the slot is empty."""
    filler = _fillers.get(name)
    return filler(*args, **kwargs) if filler else None


@contextmanager
def filled(name: str, function: Filler) -> Iterator[None]:
    """Fill a slot for the length of a `with` block, whatever filled it before. For tests."""
    before = _fillers.get(name)
    _fillers[name] = function
    try:
        yield
    finally:
        del _fillers[name]
        if before is not None:
            _fillers[name] = before
