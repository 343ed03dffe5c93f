"""Waiting until libcurl has something to do, until a moment comes, or until another thread says so."""

import select
import socket
import weakref
from contextlib import suppress
from typing import Any, Final

import pycurl

_EVENTS: Final = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}
# epoll where there is one, poll elsewhere: both take the same numbers, and poll wants milliseconds. Not the selectors
# module: it keeps books in Python for every socket, twice for each request.
_EPOLL: Final = hasattr(select, "epoll")


class _Watched:
    """The sockets that libcurl wants watched. Knows nothing of the multi handle that calls it: no reference cycle."""

    def __init__(self) -> None:
        self.poll: Any = select.epoll() if _EPOLL else select.poll()

    def on_change(self, what: int, fd: int, _multi: object, _data: object) -> None:
        # The number may belong to a closed socket that we were never told of, so neither call may fail for good.
        events = _EVENTS.get(what)
        try:
            if events is None:
                self.poll.unregister(fd)
            else:
                self.poll.register(fd, events)
        except FileExistsError:
            self.poll.modify(fd, events)
        except (KeyError, ValueError, OSError):
            pass


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
        self._watched.poll.register(self._listener.fileno(), select.POLLIN)
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
        patience = max(0.0, seconds)
        listener = self._listener.fileno()
        for fd, events in self._watched.poll.poll(patience if _EPOLL else patience * 1000):
            if fd == listener:
                self._hear()
            else:
                self._multi.socket_action(fd, _bits(events))
        if self._multi.timeout() == 0:
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def close(self) -> None:
        if _EPOLL:
            self._watched.poll.close()
        self._listener.close()

    def _hear(self) -> None:
        with suppress(OSError):
            while self._listener.recv(4096):
                pass


def _bits(events: int) -> int:
    """What libcurl is told of a socket's events. A connection that is gone is readable: the read says why."""
    bits = 0
    if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
        bits |= pycurl.CSELECT_IN
    if events & select.POLLOUT:
        bits |= pycurl.CSELECT_OUT
    if events & (select.POLLHUP | select.POLLERR):
        bits |= pycurl.CSELECT_ERR
    return bits
