"""How a dispatcher hears at once that something is due. The poll finds the same rows a second later: a lost wake-up
costs time, never a notification.

SQLite: a datagram on a Unix socket in PORTAL_HOME, for the one dispatcher there. PostgreSQL: LISTEN / NOTIFY, heard by
dispatchers and by drains that are running; with a broker also a message that starts a drain.
"""

import os
import socket  # noqa: TID251 (a Unix socket inside PORTAL_HOME: nothing leaves this machine)
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import structlog
from django.conf import settings
from django.db import connection, transaction

from dispatch.broker import ask_for_drain

logger = structlog.get_logger(__name__)

CHANNEL = "gancho_dispatch"
SOCKET_NAME = "dispatcher.sock"
# sun_path holds 108 bytes on Linux; a longer home is reached through the descriptor of its folder.
LONGEST_SOCKET_PATH = 100
PAUSE_SECONDS = 1.0


def wake_dispatchers() -> None:
    """Tell the dispatchers, once the current transaction has committed, that something is due."""
    if connection.vendor == "postgresql":
        # Inside the transaction: PostgreSQL sends it at commit, and folds a thousand of them into one.
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
        if settings.PORTAL_HAS_BROKER:
            transaction.on_commit(ask_for_drain)
        return
    transaction.on_commit(_send_datagram)


def _send_datagram() -> None:
    # Nobody listening is no error: the row is committed, and the dispatcher that starts next finds it.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, _SocketPath() as path:
        sender.setblocking(False)
        sender.sendto(b"1", path)


class _SocketPath:
    """The socket's path, shortened through /proc when PORTAL_HOME is deeper than a socket address may be."""

    def __enter__(self) -> str:
        self.folder: int | None = None
        path = str(Path(settings.PORTAL_HOME) / SOCKET_NAME)
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        self.folder = os.open(settings.PORTAL_HOME, os.O_RDONLY)
        return f"/proc/self/fd/{self.folder}/{SOCKET_NAME}"

    def __exit__(self, *exception: object) -> None:
        if self.folder is not None:
            os.close(self.folder)


class Listener:
    """A daemon thread that calls `wake` for every wake-up, until `close()`.

    `wake` must be callable from another thread. A connection that breaks is made again after a pause.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.closing = threading.Event()
        listen = self._listen_postgresql if connection.vendor == "postgresql" else self._listen_socket
        self.thread = threading.Thread(target=self._run, args=(listen,), name="wake-up listener", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def close(self) -> None:
        """Stop listening; returns once the thread has ended, at most after one pause."""
        self.closing.set()
        self.thread.join(timeout=2 * PAUSE_SECONDS)

    def _run(self, listen: Callable[[], None]) -> None:
        while not self.closing.is_set():
            try:
                listen()
            except (OSError, psycopg.Error) as error:
                logger.warning("wakeup.listener_failed", error=type(error).__name__)
                self.closing.wait(PAUSE_SECONDS)

    def _listen_socket(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver, _SocketPath() as path:
            Path(path).unlink(missing_ok=True)
            receiver.bind(path)
            os.chmod(path, 0o600)
            receiver.settimeout(PAUSE_SECONDS)
            while not self.closing.is_set():
                with suppress(TimeoutError):
                    receiver.recv(16)
                    self.wake()

    def _listen_postgresql(self) -> None:
        parameters = connection.get_connection_params()
        keep = (
            "host",
            "port",
            "user",
            "password",
            "dbname",
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "service",
            "passfile",
        )
        wanted = {name: parameters[name] for name in keep if parameters.get(name)}
        with psycopg.connect(**wanted, autocommit=True) as listening:
            listening.execute(f"LISTEN {CHANNEL}")
            # What was committed while nobody listened is found by this first look.
            self.wake()
            while not self.closing.is_set():
                for _notice in listening.notifies(timeout=PAUSE_SECONDS, stop_after=1):
                    self.wake()
