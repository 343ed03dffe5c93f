"""What the tests of the token cache ask it, at moments of their own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from connections.cache import (
    Refresh,
    fetch_for,
    look_up,
)
from connections.source import TokenSource

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIFE = timedelta(seconds=3600)


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


def found(source: TokenSource, now: datetime = NOW) -> Any:
    [(key, value)] = look_up([source], now=now).items()
    assert key == source.cache_key
    return value


def fetch(source: TokenSource, now: datetime = NOW) -> Any:
    ticket = found(source, now)
    assert isinstance(ticket, Refresh), ticket
    return fetch_for(source, ticket)
