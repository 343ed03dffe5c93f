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
from dispatch.dispatcher import Dispatcher
from dispatch.stop_sign import stop_sign
from dispatch.wakeup import Listener
from vault import sentinel

logger = structlog.get_logger(__name__)


class Drainer:
    """The sender of one worker process, made at its first drain: nothing of it may be older than the fork."""

    def __init__(self) -> None:
        # One name for all processes of the machine: any of them may be the one that gets the tick.
        self.dispatcher = Dispatcher(name=f"{platform.node()}: celery")
        # Listens between drains too, so that a running one hears within milliseconds of what has just been committed.
        self.listener = Listener(self.dispatcher.wake)
        self.listener.start()
        self.ends_at = 0.0

    def drain(self) -> None:
        """Send until nothing is due, the time is up or the worker is stopping."""
        self.ends_at = time.monotonic() + settings.PORTAL_DISPATCH_DRAIN_SECONDS
        if self.dispatcher.look():
            self.dispatcher.work(until=self._enough)

    def close(self) -> None:
        self.listener.closing.set()
        self.dispatcher.pool.close()

    def _enough(self) -> bool:
        if self.dispatcher.at_rest:
            return True
        if time.monotonic() < self.ends_at and not stop_sign.given:
            return False
        # Before the last answers are waited for: another process may take over now.
        ask_for_drain()
        return True


def run_drain() -> None:
    """Drain in this process, or wake the drain that runs here already."""
    if not _one_at_a_time.acquire(blocking=False):
        for drainer in _drainers:
            drainer.dispatcher.wake()
        return
    try:
        _run()
    finally:
        _one_at_a_time.release()


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
