"""The token cache: one row for each key, and one process at a time that fetches.

There are no locks. Whoever wants to fetch changes the row by one conditional UPDATE, which says what was read before;
the database lets exactly one of many through. That one asks the token endpoint, outside any transaction, and writes
what came of it only where its mark still stands. The others use the token that there is, or come back in a moment.
A process that dies while it fetches loses its right at `refreshing_until`.
"""

import hmac
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q

from access.unavailable import is_unavailable
from connections.answers import LONGEST_LIFE_SECONDS
from connections.asking import ask, deadline_seconds
from connections.failures import NO_ANSWER, TokenFailure
from connections.models import CachedToken
from connections.source import Refresh, Token, TokenExchange, TokenSource
from vault.errors import UnreadableSecret
from vault.fields import is_set
from vault.sealed import Sealed

__all__ = [
    "WAIT_SECONDS",
    "Refresh",
    "Wait",
    "clear_token",
    "fetch_exchange",
    "fetch_for",
    "hold_seconds",
    "keep_mistake",
    "look_up",
    "still_held",
]

WAIT_SECONDS: Final = 0.25
FIRST_RETRY_SECONDS: Final = 5.0
LONGEST_RETRY_SECONDS: Final = 300.0
CLEAR_EVERY_SECONDS: Final = 60.0
# Beyond the deadline of the request itself: writing down what came of it.
HOLD_MARGIN_SECONDS: Final = 5.0
CLOCK_SLACK_SECONDS: Final = 30.0
# Between two tries to write down what was fetched.
INSIST_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Wait:
    """Another process is fetching and there is no token meanwhile: ask again in WAIT_SECONDS. At `until` it has lost
    the right to."""

    until: datetime


Found = Token | Refresh | Wait | TokenFailure


def look_up(sources: Collection[TokenSource], *, now: datetime) -> dict[str, Found]:
    """Return what there is for each source, by its `cache_key`. Call it outside any transaction.

    `now` is the caller's clock, the same one for everybody who shares the database. One query when every token is
    there and young. A Refresh is a promise to call `fetch_for`; a Token may carry one as well (`refresh`).
    """
    wanted = {source.cache_key: source for source in sources}
    rows = _read(wanted)
    if missing := wanted.keys() - rows.keys():
        # Two may insert at once: who fetches is decided afterwards, as for any other row.
        CachedToken.objects.bulk_create((_blank(key, wanted[key]) for key in sorted(missing)), ignore_conflicts=True)
        rows |= _read(missing)
    # A row may be gone again: its connection was changed this very moment. Its caller comes back with the new version.
    return {key: _judge(rows[key], now) if key in rows else Wait(now) for key in wanted}


def still_held(held: Mapping[str, Token], *, now: datetime) -> set[str]:
    """Return the keys for which the cache has nothing new: the token that the caller holds is still the one in it, and
    young. One query that opens no secret, for callers who send thousands."""
    rows = CachedToken.objects.filter(key__in=list(held)).values_list("key", "obtained_at")
    return {key for key, obtained_at in rows if obtained_at == held[key].obtained_at and now < held[key].refresh_at}


def fetch_for(source: TokenSource, ticket: Refresh) -> Token | TokenFailure:
    """Fetch a token and keep it, or the failure. Blocks for at most the token deadline; outside any transaction."""
    return fetch_exchange(source, ticket).answer


def fetch_exchange(source: TokenSource, ticket: Refresh) -> TokenExchange:
    """`fetch_for`, and how it went."""
    exchange = ask(source, now=ticket.moment())
    mine = _right_of(ticket)
    if (token := exchange.token) is not None:
        _insist(lambda: _keep_token(mine, token), ticket)
    elif (failure := exchange.failure) is not None:
        _insist(lambda: _keep_failure(mine, failure, now=ticket.moment()), ticket)
    return exchange


def _insist(keep: Callable[[], None], ticket: Refresh) -> None:
    """Write it down for as long as the right to lasts: what was fetched is not lost to a file that others are writing
    to, or a database that is restarting, or the endpoint would be asked once more."""
    while True:
        try:
            return keep()
        except (OperationalError, InterfaceError) as error:
            if not is_unavailable(error) or ticket.moment() + timedelta(seconds=INSIST_SECONDS) > ticket.until:
                raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(INSIST_SECONDS)


def _right_of(ticket: Refresh) -> Any:
    """The row, while nobody else has taken the right to fetch."""
    return CachedToken.objects.filter(key=ticket.key, refreshing_by=ticket.by)


def keep_mistake(ticket: Refresh, error: Exception) -> TokenFailure:
    """Remember that `fetch_for` itself broke down, so that nobody tries it again at once, and for ever."""
    failure = TokenFailure(NO_ANSWER, type(error).__name__)
    mine = _right_of(ticket)
    _keep_failure(mine, failure, now=ticket.moment())
    return failure


def clear_token(source: TokenSource, used_value: str, *, now: datetime) -> bool:
    """Drop a token that a receiver answered 401 to, if it is the one in the cache; at most once a minute for each key.

    Returns whether a repeat of the request makes sense: the token that was used is no longer in the cache, because
    this call or another one dropped it. False: its predecessor was dropped less than a minute ago, so a token's age is
    not what the receiver dislikes.
    """
    row = CachedToken.objects.filter(key=source.cache_key).first()
    if row is None or not _is_token(row, used_value):
        return True
    if row.cleared_at is not None and abs(now - row.cleared_at) < timedelta(seconds=CLEAR_EVERY_SECONDS):
        return False
    # Only this very token: another process may have put a new one in its place since it was read.
    standing = CachedToken.objects.filter(pk=row.pk, token=_sealed(row))
    standing.update(**_no_token(row), obtained_at=None, refresh_at=None, expires_at=None, cleared_at=now)
    return True


# --- reading ------------------------------------------------------------------------------------------------------


def _read(keys: Iterable[str]) -> dict[str, CachedToken]:
    return {row.key: row for row in CachedToken.objects.filter(key__in=list(keys))}


def _blank(key: str, source: TokenSource) -> CachedToken:
    assert source.connection_id is not None, "a form that is not saved has no place in the cache"
    assert source.credential_version is not None
    return CachedToken(key=key, connection_id=source.connection_id, credential_version=source.credential_version)


def _judge(row: CachedToken, now: datetime) -> Found:
    """Use the token, fetch one, wait for one, or report why there is none."""
    token = _token_of(row, now)
    if token is not None and now < token.refresh_at:
        return token
    if _is_ahead(row.retry_at, now, LONGEST_RETRY_SECONDS):
        return token or TokenFailure(row.failure_code, row.failure_detail, row.failure_status)
    if _is_ahead(row.refreshing_until, now, hold_seconds()):
        assert row.refreshing_until is not None
        return token or Wait(row.refreshing_until)
    ticket = _try_to_win(row, now)
    if token is not None:
        return replace(token, refresh=ticket)
    return ticket or _judge_again(row, now)


def _judge_again(row: CachedToken, now: datetime) -> Found:
    """Somebody else was first: they may be done already."""
    seen = CachedToken.objects.filter(pk=row.pk).first()
    token = _token_of(seen, now) if seen else None
    until = seen.refreshing_until if seen else None
    return token or Wait(until or now + timedelta(seconds=WAIT_SECONDS))


def _token_of(row: CachedToken, now: datetime) -> Token | None:
    """The row's token while it may be used."""
    if not is_set(row, "token") or row.obtained_at is None or row.refresh_at is None:
        return None
    # Without an end of its own it is used for a day at most: a failing endpoint must not keep it alive for ever.
    if now >= (row.expires_at or row.obtained_at + timedelta(seconds=LONGEST_LIFE_SECONDS)):
        return None
    # A clock that was set back must not make it younger than it can be.
    if row.obtained_at > now + timedelta(seconds=LONGEST_LIFE_SECONDS):
        return None
    try:
        return Token(row.token, row.token_type, row.obtained_at, row.refresh_at, row.expires_at)
    except UnreadableSecret:
        # Its key is gone: as good as none. A new one is sealed with the key in use.
        return None


def _is_ahead(moment: datetime | None, now: datetime, most_seconds: float) -> bool:
    """Whether a time that was set lies in the future, by no more than it can have been set: else the clock was put
    back since. Who set it may have looked at the clock a little later than we did."""
    return moment is not None and now < moment <= now + timedelta(seconds=most_seconds + CLOCK_SLACK_SECONDS)


def _try_to_win(row: CachedToken, now: datetime) -> Refresh | None:
    """Take the right to fetch; None when somebody took it since the row was read."""
    until = now + timedelta(seconds=hold_seconds())
    ticket = Refresh(row.key, uuid4(), now, time.monotonic(), until)
    unchanged = Q(refreshing_by__isnull=True) if row.refreshing_by is None else Q(refreshing_by=row.refreshing_by)
    # Every fetch leaves its own mark and keeps it there: the same mark means that nobody fetched meanwhile.
    won = CachedToken.objects.filter(unchanged, pk=row.pk).update(
        refreshing_by=ticket.by, refreshing_until=until, used_at=now
    )
    return ticket if won else None


def hold_seconds() -> float:
    """For how long the right to fetch lasts."""
    return deadline_seconds() + HOLD_MARGIN_SECONDS


def _is_token(row: CachedToken, value: str) -> bool:
    try:
        return is_set(row, "token") and hmac.compare_digest(row.token.encode(), value.encode())
    except UnreadableSecret:
        return False


# --- writing ------------------------------------------------------------------------------------------------------


def _keep_token(mine: Any, token: Token) -> None:
    row = mine.first()
    if row is None:
        return  # taken over by another process, or its connection was changed: the caller still may use it once
    mine.update(
        token=CachedToken._meta.get_field("token").seal(token.value, row.uuid),
        token_type=token.type,
        obtained_at=token.obtained_at,
        refresh_at=token.refresh_at,
        expires_at=token.expires_at,
        refreshing_until=None,
        **_NO_FAILURE,
    )


def _keep_failure(mine: Any, failure: TokenFailure, *, now: datetime) -> None:
    row = mine.first()
    if row is None:
        return
    failures = row.failures + 1
    mine.update(
        failures=failures,
        retry_at=now + timedelta(seconds=retry_seconds(failures, failure.retry_after)),
        failure_code=failure.code,
        failure_detail=failure.detail,
        failure_status=failure.status,
        refreshing_until=None,
    )


_NO_FAILURE: Final[dict[str, Any]] = {
    "failures": 0,
    "retry_at": None,
    "failure_code": "",
    "failure_detail": "",
    "failure_status": None,
}


def retry_seconds(failures: int, asked: float | None) -> float:
    """For how long a failure is remembered: 5 s after the first, twice as long after each further one, 5 minutes at
    most; longer than that rule says if the token endpoint asked for it, within those 5 minutes."""
    own = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_RETRY_SECONDS)
    return min(max(own, asked or 0.0), LONGEST_RETRY_SECONDS)


def _sealed(row: CachedToken) -> Sealed:
    return cast("Sealed", CachedToken._meta.get_field("token").value_from_object(row))


def _no_token(row: CachedToken) -> dict[str, Any]:
    return {"token": CachedToken._meta.get_field("token").seal("", row.uuid), "token_type": ""}
