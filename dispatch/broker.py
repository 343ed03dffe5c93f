"""The wake-up that goes through a broker: one small message that starts a drain (see dispatch/drains.py).

The broker may be down, flushed or silent; the rows are committed and nobody waits for it. What is lost here is found
by the next tick of beat, or by a dispatcher.
"""

import atexit
import os
import threading
import time
from contextlib import suppress
from typing import Any

import structlog
from celery import current_app
from django.conf import settings

logger = structlog.get_logger(__name__)

DRAIN = "dispatch.tasks.drain"
# Counted by the broker from the arrival on. Not Celery's `expires`: that is a moment of the sender's clock, and two
# machines whose clocks differ by more would throw every wake-up away.
EXPIRES_SECONDS = 5
# A broker that accepts and never answers holds this thread for so long; without it, for good.
PATIENCE_SECONDS = 3
# A burst of commits is one wake-up: who is woken looks for everything.
GAP_SECONDS = 0.02
FLUSH_SECONDS = 0.5
TOLD_AGAIN_SECONDS = 60.0


class Caller:
    """A daemon thread with a queue of one. `ask` returns at once, whatever the broker does; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._sent = threading.Event()
        self._sent.set()
        self._thread: threading.Thread | None = None
        self._connection: Any = None
        self._producer: Any = None
        self._silent_until = 0.0

    def ask(self) -> None:
        """Have a drain started soon."""
        self._sent.clear()
        self._asked.set()
        with self._lock, suppress(RuntimeError):
            # No thread to be had, at the end of a process or of its memory: the tick finds the rows.
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="broker wake-up", daemon=True)
                thread.start()
                self._thread = thread

    def flush(self) -> None:
        """Give the last wake-up of a short-lived process its moment."""
        if self._thread is not None:
            self._sent.wait(FLUSH_SECONDS)

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            self._call()
            if not self._asked.is_set():
                self._sent.set()
            time.sleep(GAP_SECONDS)

    def _call(self) -> None:
        # A connection kept since the last time may have been closed meanwhile: that one failure says nothing.
        kept = self._producer is not None
        if self._try(tell=not kept) or not kept:
            return
        self._try(tell=True)

    def _try(self, *, tell: bool) -> bool:
        try:
            self._send()
        except Exception as error:  # noqa: BLE001
            # kombu and its transports raise whatever they like; all of it means: no wake-up this time.
            self._hang_up()
            if tell and time.monotonic() >= self._silent_until:
                self._silent_until = time.monotonic() + TOLD_AGAIN_SECONDS
                logger.warning("wakeup.broker_failed", error=type(error).__name__)
            return False
        self._silent_until = 0.0
        return True

    def _send(self) -> None:
        if self._producer is None:
            self._connect()
        queue = current_app.amqp.queues[settings.PORTAL_DRAIN_QUEUE](self._producer.channel)
        # One that nobody has taken yet will look after our commit as well.
        if count_waiting(queue):
            return
        current_app.send_task(
            DRAIN, producer=self._producer, retry=False, ignore_result=True, expiration=EXPIRES_SECONDS, delivery_mode=1
        )

    def _connect(self) -> None:
        # Its own connection: it belongs to this thread, and is made afresh after a fork.
        self._connection = current_app.connection_for_write(
            connect_timeout=PATIENCE_SECONDS, transport_options=_impatient(settings.CELERY_BROKER_URL)
        )
        self._producer = current_app.amqp.Producer(self._connection, auto_declare=False)
        current_app.amqp.queues[settings.PORTAL_DRAIN_QUEUE](self._producer.channel).declare()

    def _hang_up(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        with suppress(Exception):
            if connection is not None:
                connection.collapse()


def count_waiting(queue: Any) -> int:
    """Return how many messages lie in a bound queue that nobody has taken."""
    return int(queue.queue_declare().message_count)


def _impatient(url: str) -> dict[str, Any]:
    """The transport's own words for: wait no longer than PATIENCE_SECONDS, and know whether the message arrived."""
    once = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    if url.startswith("redis"):
        return {**once, "socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    return {**once, "read_timeout": PATIENCE_SECONDS, "write_timeout": PATIENCE_SECONDS, "confirm_publish": True}


_callers: list[Caller] = [Caller()]


def ask_for_drain() -> None:
    """Have a drain started soon; returns at once. A broker that fails is logged, once a minute at most."""
    _callers[0].ask()


def _forget_thread() -> None:
    # A forked process has the parent's memory without its threads, and must not touch its connection.
    _callers[0] = Caller()


def _flush() -> None:
    _callers[0].flush()


os.register_at_fork(after_in_child=_forget_thread)
atexit.register(_flush)
