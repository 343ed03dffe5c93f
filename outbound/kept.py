"""The sockets of kept connections, to ask the kernel whether the other end has hung up.

libcurl looks for dead connections once a second. One that was closed since then would be used: the request would be
lost, and nobody could tell whether the receiver had read it.
"""

import select
from typing import Final

Ends = tuple[str, int, int]  # the peer's address and port, our port

_READABLE: Final = select.POLLIN | select.POLLHUP | select.POLLERR


class KeptSockets:
    """Descriptors by the ends of their connection. Entries of connections that are gone are never asked for, and are
    replaced when their descriptor is used again.
    """

    def __init__(self) -> None:
        self._descriptors: dict[Ends, int] = {}
        self._ends: dict[int, Ends] = {}

    def remember(self, ends: Ends, descriptor: int) -> None:
        """Note the socket that a finished transfer leaves open."""
        before = self._ends.get(descriptor)
        if before == ends:
            return
        if before is not None and self._descriptors.get(before) == descriptor:
            del self._descriptors[before]
        self._ends[descriptor] = ends
        self._descriptors[ends] = descriptor

    def is_dead(self, ends: Ends) -> bool:
        """True if something waits to be read on an idle connection: its end, or what nobody asked for."""
        descriptor = self._descriptors.get(ends)
        if descriptor is None:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return any(events & _READABLE for _, events in poll.poll(0))
