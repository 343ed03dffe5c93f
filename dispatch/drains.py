"""A drain: a dispatcher that works inside a Celery worker while something is due (delivery.md, "Who sends, who wakes").

The dispatcher and its connections stay with the process from one drain to the next. One drain at a time in a process:
whoever wakes it meanwhile only makes it look again.
"""

import platform
import threading
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from dispatch.broker import ask_for_drain
from dispatch.dispatcher import RECORDING_SECONDS, Dispatcher
from dispatch.stop_sign import stop_sign
from dispatch.wakeup import Listener
from vault import sentinel

logger = structlog.get_logger(__name__)


class Drainer:
    """The sender of one worker process, made at its first drain: nothing of it may be older than the fork."""

    def __init__(self) -> None:
        self.dispatcher = _make_dispatcher()
        self.spare: list[Dispatcher] = []
        self.settling: list[threading.Thread] = []
        # Listens between drains too, so that a running one hears within milliseconds of what has just been committed.
        self.listener = Listener(self.wake)
        self.listener.start()
        self.ends_at = 0.0

    def wake(self) -> None:
        """Look for due rows now, if a drain is running."""
        self.dispatcher.wake()

    def drain(self) -> None:
        """Send until nothing is due, the time is up or the worker is stopping."""
        self.ends_at = time.monotonic() + settings.PORTAL_DISPATCH_DRAIN_SECONDS
        if not self.dispatcher.look():
            return
        while not self._enough():
            self.dispatcher.step()
        if self.dispatcher.at_rest:
            return
        # Before the last answers are waited for: another process may take over now.
        ask_for_drain()
        if stop_sign.given or not self.dispatcher.waits_for_others:
            _settle(self.dispatcher)
        else:
            logger.info("drain.handed_on", in_flight=self.dispatcher.pool.in_flight)
            self._settle_aside()

    def close(self) -> None:
        """Forget what is in flight; its leases run out by themselves."""
        self.listener.closing.set()
        self.dispatcher.pool.close()

    def _enough(self) -> bool:
        return self.dispatcher.at_rest or stop_sign.given or time.monotonic() >= self.ends_at

    def _settle_aside(self) -> None:
        """Wait for the last answers in a thread, so that one receiver that hangs does not hold the successor up."""
        self.settling = [thread for thread in self.settling if thread.is_alive()]
        old, self.dispatcher = self.dispatcher, self.spare.pop() if self.spare else _make_dispatcher()
        thread = threading.Thread(target=self._settle_and_keep, args=(old,), name="drain settling", daemon=True)
        thread.start()
        self.settling.append(thread)

    def _settle_and_keep(self, dispatcher: Dispatcher) -> None:
        try:
            _settle(dispatcher)
            self.spare.append(dispatcher)
            # Their lanes have room again, and the successor may have ended for want of it.
            ask_for_drain()
        except Exception:
            logger.exception("drain.not_settled")
        finally:
            # This thread's own.
            connection.close()


def _make_dispatcher() -> Dispatcher:
    # One name for all processes of the machine: any of them may be the one that gets the tick.
    return Dispatcher(name=f"{platform.node()}: celery")


def _settle(dispatcher: Dispatcher) -> None:
    """Hand back what was not started, finish what is in flight, record it."""
    dispatcher.work(until=lambda: True)


def run_drain() -> None:
    """Drain in this process, or wake the drain that runs here already."""
    if not _one_at_a_time.acquire(blocking=False):
        for drainer in _drainers:
            drainer.wake()
        return
    try:
        _run()
    finally:
        _one_at_a_time.release()


def finish_drains() -> None:
    """At the end of a worker process: wait for the last answers, for as long as a receiver may take."""
    until = time.monotonic() + settings.PORTAL_OUTBOUND_DEADLINE_SECONDS + RECORDING_SECONDS
    for drainer in _drainers:
        for thread in drainer.settling:
            thread.join(max(0.0, until - time.monotonic()))


def _run() -> None:
    if stop_sign.given:
        return
    try:
        close_old_connections()
        if _drainers or _may_send():
            _drainer().drain()
    except (DatabaseError, InterfaceError) as error:
        # Nothing is lost: the rows wait, and the next tick tries again.
        logger.warning("drain.database_failed", error=type(error).__name__)
        connection.close()
    except Exception:
        # What is left of this dispatcher is in no known state. Its leases run out by themselves.
        logger.exception("drain.failed")
        for drainer in _drainers:
            drainer.close()
        _drainers.clear()


def _may_send() -> bool:
    # With other keys than the data was sealed with, every due delivery would end as failed, for good.
    problems = sentinel.check()
    if problems:
        logger.error("drain.refused", problems=problems)
    return not problems


def _drainer() -> Drainer:
    if not _drainers:
        _drainers.append(Drainer())
    return _drainers[0]


_drainers: list[Drainer] = []
_one_at_a_time = threading.Lock()
