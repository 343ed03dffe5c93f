"""The token cache: one row for each key, one process at a time that fetches."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connections.failures import TokenFailure
from connections.tokens import Token, TokenSource


@dataclass(frozen=True, slots=True)
class Refresh:
    """This process won the right to fetch: hand it to `fetch_for`. `by` marks the row, `at` is the moment asked at (of
    the caller's clock), `until` is when somebody else may take over."""

    key: str
    by: UUID
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Another process is fetching and there is no token meanwhile: ask again in 250 ms. At `until` it has lost the
    right."""

    until: datetime


WAIT_SECONDS = 0.25


def look_up(sources: Collection[TokenSource], *, now: datetime) -> dict[str, Token | Refresh | Wait | TokenFailure]:
    """Return what there is for each source, by its `cache_key`. Outside any transaction; `now` of the caller's clock."""
    raise NotImplementedError


def fetch_for(source: TokenSource, ticket: Refresh) -> Token | TokenFailure:
    """Fetch a token and keep it, or the failure. Blocks for at most the token deadline; outside any transaction."""
    raise NotImplementedError


def clear_token(source: TokenSource, used_value: str, *, now: datetime) -> bool:
    """Drop a token that a receiver answered 401 to: only if it is the one in the cache, at most once a minute."""
    raise NotImplementedError
