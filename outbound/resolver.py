"""Names to addresses, outside every transfer loop: in threads that may hang, shared by the whole process.

getaddrinfo cannot be interrupted. Whoever asks waits at most LOOKUP_SECONDS; a look-up that hangs keeps its thread and
its name, so a hanging name holds one thread and fails everybody else who asks for it at once. Names that answered
last time have threads of their own: any number of hanging names beside them cost them nothing.
"""

import os
import queue
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from outbound import outcomes

LOOKUP_SECONDS: Final = 3.0
KEEP_SECONDS: Final = 60.0
# A name that does not exist is soon asked for again by the person who has just created it.
KEEP_FAILURE_SECONDS: Final = 5.0
MAX_NAMES: Final = 10_000
KNOWN_THREADS: Final = 4
UNKNOWN_THREADS: Final = 8

ResolveFunction = Callable[[str], Sequence[str]]

_NOT_FOUND = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name resolved to, unjudged: addresses, or one of the codes name_not_found, dns_timeout, dns_failed."""

    addresses: tuple[str, ...] = ()
    error: str | None = None


_TIMED_OUT = Answer(error=outcomes.DNS_TIMEOUT)


class Lookup:
    """One look-up in progress, shared by everyone who asks for that name meanwhile."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.asked_at = time.monotonic()
        self.answer: Answer | None = None
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Answer], None]] = []

    def when_finished(self, listener: Callable[[Answer], None]) -> None:
        """Call `listener(answer)` once, from the look-up's thread, or at once if it is over. It may never be called."""
        with self._lock:
            if self.answer is None:
                self._listeners.append(listener)
                return
        listener(self.answer)

    def wait(self) -> Answer:
        """The answer, or "timed out" when there is none LOOKUP_SECONDS after the look-up began."""
        self._finished.wait(max(0.0, self.asked_at + LOOKUP_SECONDS - time.monotonic()))
        return self.answer or _TIMED_OUT

    def is_overdue(self) -> bool:
        return time.monotonic() - self.asked_at >= LOOKUP_SECONDS

    def finish(self, answer: Answer) -> None:
        with self._lock:
            self.answer = answer
            listeners, self._listeners = self._listeners, []
        self._finished.set()
        for listener in listeners:
            listener(answer)


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    expires_at: float
    quick: bool


class Resolver:
    """A cache of answers and the look-ups in progress. Every method may be called from any thread."""

    def __init__(self, function: ResolveFunction) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lookups: dict[str, Lookup] = {}
        self._known = _Workers(KNOWN_THREADS, self._look_up)
        self._unknown = _Workers(UNKNOWN_THREADS, self._look_up)

    def ask(self, host: str) -> Answer | Lookup:
        """The kept answer, or the look-up to wait for. A name whose look-up hangs is answered with dns_timeout."""
        with self._lock:
            kept = self._kept.get(host)
            if kept is not None and time.monotonic() < kept.expires_at:
                return kept.answer
            if (lookup := self._lookups.get(host)) is not None:
                return _TIMED_OUT if lookup.is_overdue() else lookup
            lookup = self._lookups[host] = Lookup(host)
        (self._known if kept is not None and kept.quick else self._unknown).put(lookup)
        return lookup

    def _look_up(self, lookup: Lookup) -> None:
        # Nobody waits any more for a look-up that stood in the queue for so long: its thread is worth more.
        answer = _TIMED_OUT if lookup.is_overdue() else _call(self._function, lookup.host)
        with self._lock:
            if answer is not _TIMED_OUT:
                self._keep(lookup, answer)
            del self._lookups[lookup.host]
        lookup.finish(answer)

    def _keep(self, lookup: Lookup, answer: Answer) -> None:
        seconds = KEEP_SECONDS if answer.error is None else KEEP_FAILURE_SECONDS
        quick = answer.error is None and not lookup.is_overdue()
        self._kept[lookup.host] = _Kept(answer, time.monotonic() + seconds, quick)
        self._kept.move_to_end(lookup.host)
        if len(self._kept) > MAX_NAMES:
            self._kept.popitem(last=False)


class _Workers:
    """Up to `size` daemon threads, started when needed: unlike an executor's they don't hold up the process's end."""

    def __init__(self, size: int, work: Callable[[Lookup], None]) -> None:
        self._size = size
        self._work = work
        self._queue: queue.SimpleQueue[Lookup] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def put(self, lookup: Lookup) -> None:
        with self._lock:
            start = self._threads < self._size and self._idle <= self._queue.qsize()
            self._threads += start
        self._queue.put(lookup)
        if start:
            threading.Thread(target=self._run, name="outbound-resolver", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            lookup = self._queue.get()
            with self._lock:
                self._idle -= 1
            self._work(lookup)


def _call(function: ResolveFunction, host: str) -> Answer:
    try:
        addresses = tuple(dict.fromkeys(function(host)))
    except socket.gaierror as error:
        return Answer(error=outcomes.NAME_NOT_FOUND if error.errno in _NOT_FOUND else outcomes.DNS_FAILED)
    except Exception:  # noqa: BLE001 - a thread that died here would leave its name unanswered for ever
        return Answer(error=outcomes.DNS_FAILED)
    return Answer(addresses) if addresses else Answer(error=outcomes.NAME_NOT_FOUND)


def _ask_system(host: str) -> list[str]:
    """Every address that the system knows, also of families that this machine has no route for: all are judged."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


_resolver = Resolver(_ask_system)


def get_resolver() -> Resolver:
    """The resolver of this process."""
    return _resolver


def set_resolver(function: ResolveFunction | None) -> None:
    """Resolve names by this function from now on, with an empty cache; None: by the system. The seam for tests.

    The function is called in threads of its own and may raise socket.gaierror.
    """
    global _resolver  # noqa: PLW0603 - one resolver per process is the point
    _resolver = Resolver(function or _ask_system)


# Threads don't survive a fork, and one of them may hold a lock at that moment: the child starts anew.
os.register_at_fork(after_in_child=lambda: set_resolver(_resolver._function))  # noqa: SLF001
