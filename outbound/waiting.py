"""Waiting until libcurl has something to do, until a moment comes, or until another thread says so."""

import selectors
import socket
import weakref
from contextlib import suppress
from typing import Final

import pycurl

_EVENTS: Final = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}
_BITS: Final = {
    selectors.EVENT_READ: pycurl.CSELECT_IN,
    selectors.EVENT_WRITE: pycurl.CSELECT_OUT,
    selectors.EVENT_READ | selectors.EVENT_WRITE: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}


class _Watched:
    """The sockets that libcurl wants watched. Knows nothing of the multi handle that calls it: no reference cycle."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()

    def on_change(self, what: int, fd: int, _multi: object, _data: object) -> None:
        # The number may belong to a closed socket that we were never told of, so neither call may fail for good.
        with suppress(KeyError, ValueError, OSError):
            self.selector.unregister(fd)
        if what in _EVENTS:
            self.selector.register(fd, _EVENTS[what])


class Waiter:
    """Runs a multi handle's sockets and timers. One thread calls `turn`; any thread may call `wake`."""

    def __init__(self, multi: pycurl.CurlMulti) -> None:
        self._multi = multi
        self._watched = _Watched()
        self._listener, self._caller = socket.socketpair()
        self._listener.setblocking(False)
        self._caller.setblocking(False)
        # Closed when nobody is left who might call: a descriptor closed earlier may already be another's.
        weakref.finalize(self, self._caller.close)
        self._watched.selector.register(self._listener, selectors.EVENT_READ)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watched.on_change)

    def wake(self) -> None:
        """End the current or the next `turn` at once. Takes no lock, so that a signal handler may call it too."""
        # A full buffer wakes just as well, and one whose other end is closed has nobody left to wake.
        with suppress(OSError):
            self._caller.send(b"\0")

    def turn(self, seconds: float) -> None:
        """Wait up to `seconds` for anything to do, and do it once."""
        timer = self._multi.timeout()
        if timer >= 0:
            seconds = min(seconds, timer / 1000)
        for key, events in self._watched.selector.select(max(0.0, seconds)):
            if key.fileobj is self._listener:
                self._hear()
            else:
                self._multi.socket_action(key.fd, _BITS[events])
        if self._multi.timeout() == 0:
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def close(self) -> None:
        self._watched.selector.close()
        self._listener.close()

    def _hear(self) -> None:
        with suppress(OSError):
            while self._listener.recv(4096):
                pass
