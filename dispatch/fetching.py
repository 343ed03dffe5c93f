"""Token requests aside from the loop: each in a thread of its own, few at once.

A token endpoint that hangs must cost nothing to those who don't need it. So one host gets a part of the threads, one
participant too, and what failed the last time shares another part: whatever hangs, the others find room.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import connections

from connections.cache import Refresh, fetch_for, keep_mistake
from connections.failures import TokenFailure
from connections.tokens import Token, TokenSource
from dispatch import failpoints

logger = structlog.get_logger(__name__)

AT_ONCE: Final = 16
TO_ONE_HOST: Final = 4
FOR_ONE_PARTICIPANT: Final = 4
THAT_FAILED: Final = 4
# Left of a ticket's time for writing down what came of it, when its request began as late as it may.
STARTING_SECONDS: Final = 1.0
# What a thread does once it has its answer: write it down.
KEEPING_SECONDS: Final = 5.0

# None: the database was away, or there was no room in time. Nothing is known then.
Fetched = Token | TokenFailure | None


@dataclass(slots=True)
class Errand:
    """One ticket on its way. Times are of time.monotonic(); after `start_by` its answer could come too late."""

    key: str
    source: TokenSource
    ticket: Refresh
    host: str
    failed_before: bool
    start_by: float
    ends_by: float = 0.0
    thread: threading.Thread | None = None


class Fetchers:
    """The errands of one dispatcher. Belongs to the thread of its loop; `wake` is called in others when one is back."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: dict[str, Errand] = {}
        self._running: dict[str, Errand] = {}
        self._back: deque[tuple[str, Fetched]] = deque()
        self._failed: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._running or key in self._waiting

    def __len__(self) -> int:
        return len(self._running) + len(self._waiting)

    def send(self, key: str, source: TokenSource, ticket: Refresh) -> None:
        """Fetch with this ticket, as soon as there is room."""
        if key in self:
            # The one under way has outlived its ticket, perhaps because the database was away. Two would ask at once.
            return
        held = (ticket.until - ticket.at).total_seconds()
        start_by = ticket.started + held - settings.PORTAL_TOKEN_DEADLINE_SECONDS - STARTING_SECONDS
        host = urlsplit(source.token_url).netloc.lower()
        self._waiting[key] = Errand(key, source, ticket, host, key in self._failed, start_by)
        self._go_on()

    def take_back(self) -> list[tuple[str, Fetched]]:
        """Return what has come back since the last time. What could not be sent in time comes back as None."""
        back = []
        while self._back:
            key, fetched = self._back.popleft()
            del self._running[key]
            (self._failed.discard if isinstance(fetched, Token) else self._failed.add)(key)
            back.append((key, fetched))
        if len(self._failed) > 10_000:
            self._failed.clear()
        late = [key for key, errand in self._waiting.items() if errand.start_by < time.monotonic()]
        for key in late:
            # Its ticket runs out by itself, and then somebody else has it.
            del self._waiting[key]
            logger.warning("tokens.no_thread_free", running=len(self._running))
        self._go_on()
        return back + [(key, None) for key in late]

    def next_moment(self) -> float | None:
        """When the first of those that wait for room will be too late."""
        return min((errand.start_by for errand in self._waiting.values()), default=None)

    def finish(self) -> None:
        """Wait for those under way, each for no longer than a token request may take."""
        self._waiting.clear()
        for errand in self._running.values():
            assert errand.thread is not None
            errand.thread.join(max(0.0, errand.ends_by - time.monotonic()))

    def _go_on(self) -> None:
        for key, errand in list(self._waiting.items()):
            if len(self._running) >= AT_ONCE:
                return
            if self._has_room_for(errand):
                self._running[key] = self._waiting.pop(key)
                self._start(errand)

    def _has_room_for(self, errand: Errand) -> bool:
        running = self._running.values()
        participant = errand.source.participant_id
        return (
            sum(other.host == errand.host for other in running) < TO_ONE_HOST
            and sum(other.source.participant_id == participant for other in running) < FOR_ONE_PARTICIPANT
            and (not errand.failed_before or sum(other.failed_before for other in running) < THAT_FAILED)
        )

    def _start(self, errand: Errand) -> None:
        errand.ends_by = time.monotonic() + settings.PORTAL_TOKEN_DEADLINE_SECONDS + KEEPING_SECONDS
        errand.thread = threading.Thread(target=self._fetch, args=(errand,), name="token", daemon=True)
        errand.thread.start()

    def _fetch(self, errand: Errand) -> None:
        fetched: Fetched = None
        try:
            failpoints.reach(failpoints.BEFORE_TOKEN)
            fetched = self._fetched(errand)
            failpoints.reach(failpoints.TOKEN_KEPT)
        except Exception:
            logger.exception("tokens.not_fetched", connection=errand.source.connection_id)
        finally:
            # This thread's own.
            connections.close_all()
            self._back.append((errand.key, fetched))
            self._wake()

    def _fetched(self, errand: Errand) -> Fetched:
        try:
            return fetch_for(errand.source, errand.ticket)
        except DatabaseAway:
            raise
        except Exception as error:
            # A mistake of ours: remembered, or its rows would come back for ever, and the endpoint be asked for ever.
            logger.exception("tokens.not_fetched", connection=errand.source.connection_id)
            return keep_mistake(errand.ticket, error)
