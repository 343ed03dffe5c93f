"""Tokens for what was claimed: which one a request goes with, who waits here for one, who is handed back.

The cache is asked once for each claim, so that a token which another process has dropped, or whose credentials were
changed, counts at once; what it said is remembered until then, so that a delivery costs a look into a dictionary.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from access.unavailable import is_unavailable
from connections.cache import WAIT_SECONDS, Refresh, Wait, clear_token, look_up, still_held
from connections.failures import TokenFailure
from connections.tokens import Token, TokenSource
from dispatch import failpoints
from dispatch.claims import Claimed
from dispatch.fetching import Fetchers
from dispatch.records import Finished
from outbound import outcomes
from outbound.transfer import Result

logger = structlog.get_logger(__name__)

UNAUTHORIZED: Final = 401
Found = Token | Refresh | Wait | TokenFailure
# What is handed back within one wait beyond so many rows falls due a wait later, and so on: a token endpoint that hangs
# must not keep a dispatcher busy with taking up and handing back what waits for it.
BACK_AT_A_TIME: Final = 200


@dataclass(frozen=True, slots=True)
class Parked:
    """A claimed delivery that waits for a token which this process is fetching. Times are of time.monotonic()."""

    claimed: Claimed
    claimed_at: float
    not_after: float


class TokenDesk:
    """The tokens of one dispatcher. Belongs to the thread of its loop; `wake` is called in others."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._fetchers = Fetchers(wake)
        self._known: dict[str, Token | TokenFailure | Wait] = {}
        self._parked: dict[str, list[Parked]] = {}
        self.parked = 0
        self._back = HandBacks()
        self._clock = (datetime.now(UTC), time.monotonic())

    @property
    def waiting(self) -> bool:
        """Whether something is under way here that the loop has to come back for."""
        return bool(self.parked or self.fetching or self._back.next_moment())

    @property
    def fetching(self) -> bool:
        return len(self._fetchers) > 0

    # --- asking the cache -------------------------------------------------------------------------------------------

    def ask(self, rows: Sequence[Claimed]) -> None:
        """Ask the cache for the tokens that these rows need, all at once, and fetch what it leaves to us.

        Outside any transaction, after the claim's commit.
        """
        sources = {key_of(row.plan.token): row.plan.token for row in rows if row.plan.token is not None}
        if sources:
            # The cache counts by the clock of claims; between them this process's own tells how it goes on.
            self._clock = (rows[0].started_at, rows[0].booked_at)
            held = {key: known for key in sources if isinstance(known := self._known.get(key), Token)}
            fresh = still_held(held, now=self._now()) if held else ()
            self._look_up({key: source for key, source in sources.items() if key not in fresh})

    def _look_up(self, sources: dict[str, TokenSource]) -> None:
        wanted = [source for key, source in sources.items() if key in self._known or key not in self._fetchers]
        if not wanted:
            return
        if len(self._known) > 10_000:
            self._known.clear()
        for source, found in self._answered(wanted):
            self._learn(source, found)

    def _answered(self, wanted: list[TokenSource]) -> Iterator[tuple[TokenSource, Found]]:
        try:
            found = look_up(wanted, now=self._now())
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # PostgreSQL calls it an internal error that it is read-only for a while.
            if is_unavailable(error):
                raise
            # One that breaks the look would break every look after it: the others don't wait for it.
            logger.exception("tokens.look_failed", connections=[source.connection_id for source in wanted])
            if len(wanted) > 1:
                for source in wanted:
                    yield from self._answered([source])
            return
        yield from ((source, found[key_of(source)]) for source in wanted)

    def _learn(self, source: TokenSource, found: Found) -> None:
        key = key_of(source)
        if isinstance(found, Refresh) or (isinstance(found, Wait) and key in self._fetchers):
            self._known.pop(key, None)
        else:
            self._known[key] = found
        ticket = found if isinstance(found, Refresh) else found.refresh if isinstance(found, Token) else None
        if ticket is not None:
            self._fetchers.send(key, source, ticket)

    def _now(self) -> datetime:
        moment, read_at = self._clock
        return moment + timedelta(seconds=time.monotonic() - read_at)

    # --- serving what is about to start -----------------------------------------------------------------------------

    def serve(self, claimed: Claimed, claimed_at: float, not_after: float) -> Token | Finished | None:
        """Return the token to send it with, or what became of it without one; None: it is parked here."""
        assert claimed.plan.token is not None
        key = key_of(claimed.plan.token)
        found = self._known.get(key)
        if isinstance(found, Token):
            if found.expires_at is None or found.expires_at > self._now():
                return found
            found = None
        if isinstance(found, TokenFailure):
            return Finished(claimed, Result(error=found.code, detail=words_of(found)), [])
        if found is None and key in self._fetchers and self.parked < settings.PORTAL_DISPATCH_BATCH:
            self._parked.setdefault(key, []).append(Parked(claimed, claimed_at, not_after))
            self.parked += 1
            return None
        # Somebody else fetches, there is no room here, or what was known is over (expired or dropped while this row lay
        # in the queue): the next claim asks again.
        return self._hand_back(claimed)

    def _hand_back(self, claimed: Claimed) -> Finished:
        return Finished(claimed, Result(error=outcomes.NOT_STARTED), [], back_in=self._back.spread())

    # --- what has waited here ---------------------------------------------------------------------------------------

    def take_served(self) -> list[tuple[Claimed, float]]:
        """Return the parked rows whose token, or the reason for none, has come in: they may start now."""
        served: list[Parked] = []
        for key, fetched in self._fetchers.take_back():
            # A failure to renew a token that still holds is the cache's to remember.
            still_holds = isinstance(fetched, TokenFailure) and isinstance(self._known.get(key), Token)
            if fetched is not None and not still_holds:
                self._known[key] = fetched
            served += self._parked.pop(key, [])
        self.parked -= len(served)
        return [(row.claimed, row.claimed_at) for row in served]

    def take_overdue(self) -> list[Finished]:
        """Return the parked rows that can't wait any longer: their lease or their slot runs out."""
        now, overdue = time.monotonic(), []
        for key, rows in list(self._parked.items()):
            late = [row for row in rows if row.not_after < now]
            if late:
                self._parked[key] = [row for row in rows if row.not_after >= now]
                overdue += late
        self.parked -= len(overdue)
        return [self._hand_back(row.claimed) for row in overdue]

    def give_up(self) -> list[Finished]:
        """Return everything parked, to be handed back at once: others may take it."""
        rows = [row for rows in self._parked.values() for row in rows]
        self._parked.clear()
        self.parked = 0
        return [Finished(row.claimed, Result(error=outcomes.NOT_STARTED), []) for row in rows]

    def finish(self) -> None:
        """Wait for the token requests under way, no longer than one may take: what comes is kept for all."""
        self._fetchers.finish()

    def next_moment(self) -> float | None:
        """When (time.monotonic()) there is something to do here, whether or not a token comes in before."""
        moments = [row.not_after for rows in self._parked.values() for row in rows]
        moments += [moment for moment in (self._fetchers.next_moment(), self._back.next_moment()) if moment]
        return min(moments, default=None)

    def note_recorded(self, finished: Iterable[Finished]) -> None:
        """Remember when what was just handed back falls due again. After the record's commit."""
        self._back.expect({done.back_in for done in finished if done.back_in})

    def some_are_due(self) -> bool:
        """Whether something that was handed back has fallen due since this was asked last."""
        return self._back.take_due()

    # --- a receiver that refuses ------------------------------------------------------------------------------------

    def drop_refused(self, finished: Iterable[Finished]) -> None:
        """Drop the tokens that receivers answered 401 to, and mark the deliveries that are to be repeated: those for
        which there is another token, or will be. Outside any transaction, before the record.

        Safe to be cut off anywhere, and to be done again: dropping is one conditional update, and nothing else changed.
        """
        stale: dict[tuple[str, str], bool] = {}
        for done in finished:
            source, token = done.claimed.plan.token, done.token
            if done.result.status != UNAUTHORIZED or source is None or token is None or done.claimed.repeat:
                continue
            if done.stale_token is None:
                pair = (key_of(source), token.value)
                if pair not in stale:
                    stale[pair] = self._drop(source, token)
                done.stale_token = stale[pair]

    def _drop(self, source: TokenSource, token: Token) -> bool:
        """Whether a repeat would go with another token."""
        if not clear_token(source, token.value, now=self._now()):
            return False
        failpoints.reach(failpoints.TOKEN_DROPPED)
        known = self._known.get(key_of(source))
        if isinstance(known, Token) and known.value == token.value:
            del self._known[key_of(source)]
        return True


def words_of(failure: TokenFailure) -> str:
    """What a failure's attempt keeps of it: the status of the token endpoint, if it answered, and what it said."""
    said = f"HTTP {failure.status}" if failure.status else ""
    return failure.detail if failure.detail.startswith(said) else f"{said} {failure.detail}"


@lru_cache(maxsize=10_000)
def key_of(source: TokenSource) -> str:
    """The source's key in the cache. It is a digest, and the same source serves many deliveries."""
    return source.cache_key


class HandBacks:
    """When what is handed back falls due again: spread when it is much, and not forgotten meanwhile."""

    def __init__(self) -> None:
        self._window_ends = 0.0
        self._in_window = 0
        self._expected: list[float] = []

    def spread(self) -> float:
        """Return in how many seconds the next row is to fall due: one wait, or several when there are many."""
        now = time.monotonic()
        if now >= self._window_ends:
            self._window_ends, self._in_window = now + WAIT_SECONDS, 0
        self._in_window += 1
        return WAIT_SECONDS * (1 + (self._in_window - 1) // BACK_AT_A_TIME)

    def expect(self, delays: Collection[float]) -> None:
        """Note that rows fall due in so many seconds from now."""
        now = time.monotonic()
        self._expected += [now + delay for delay in delays]

    def take_due(self) -> bool:
        """Return whether some have fallen due, and forget those."""
        now, before = time.monotonic(), len(self._expected)
        self._expected = [moment for moment in self._expected if moment > now]
        return len(self._expected) < before

    def next_moment(self) -> float | None:
        return min(self._expected, default=None)
