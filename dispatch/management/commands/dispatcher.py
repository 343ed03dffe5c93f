"""`manage.py dispatcher`: the process that sends. On SQLite one at a time, on PostgreSQL any number."""

import fcntl
import os
import signal
from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from dispatch import clock
from dispatch.dispatcher import Dispatcher
from dispatch.garbage import spare_what_stays
from dispatch.models import Delivery
from dispatch.wakeup import Listener
from vault import sentinel

logger = structlog.get_logger(__name__)

# Of the deadline of a request: while this process waits for SQLite's file it listens to nobody.
SHARE_OF_DEADLINE = 3


class Command(BaseCommand):
    help = "Send what is due, until SIGTERM or Ctrl-C: then finish what is in flight, record it, hand back the rest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when nothing is due any more")

    def handle(self, *args: Any, **options: Any) -> None:
        # With other keys than the data was sealed with, every due delivery would end as failed, for good.
        if problems := sentinel.check():
            raise CommandError(" ".join(problems))
        with _only_one_here():
            _wait_shortly_for_the_file()
            self._run(once=options["once"])

    def _run(self, *, once: bool) -> None:
        dispatcher = Dispatcher()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: dispatcher.stop())
        listener = Listener(dispatcher.wake)
        listener.start()
        spare_what_stays()
        logger.info("dispatcher.started", database=connection.vendor, process=os.getpid())
        try:
            dispatcher.run(until=(lambda: _nothing_due(dispatcher)) if once else lambda: False)
        finally:
            listener.close()
        logger.info("dispatcher.stopped", process=os.getpid())


def _wait_shortly_for_the_file() -> None:
    """Come back to the receivers in time when somebody holds SQLite's file for long, such as a backup.

    The loop then pauses and listens, as it does while PostgreSQL is away. An answer that lies here unread until its
    deadline would count as none, and its delivery would be sent again.
    """
    if connection.vendor == "postgresql":
        return
    options = connection.settings_dict["OPTIONS"]
    options["timeout"] = min(options["timeout"], settings.PORTAL_OUTBOUND_DEADLINE_SECONDS / SHARE_OF_DEADLINE)
    connection.close()


def _nothing_due(dispatcher: Dispatcher) -> bool:
    return (
        dispatcher.idle
        and not dispatcher.tokens.waiting
        and not Delivery.objects.waiting().filter(due_at__lte=clock.now()).exists()
    )


def _only_one_here() -> AbstractContextManager[Any]:
    """On SQLite, refuse a second dispatcher: the wake-up socket has room for one listener."""
    if connection.vendor == "postgresql":
        return nullcontext()
    # Held until the process ends, so no block closes it here: the caller's does.
    lock: IO[str] = Path(settings.PORTAL_HOME, "dispatcher.lock").open("w")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CommandError(
            "another dispatcher is running with this PORTAL_HOME; on SQLite there is one", returncode=2
        ) from None
    return lock
