"""How a drain learns that its worker is stopping.

SIGTERM reaches the worker's first process only, which waits for its children's tasks without telling them. A pipe made
before the fork tells them: it becomes readable, for all of them and for good.
"""

import os
import select
from contextlib import suppress


class StopSign:
    """Set up before the worker forks, given by its first process, seen by all."""

    def __init__(self) -> None:
        self._reader: int | None = None
        self._writer: int | None = None

    def set_up(self) -> None:
        """Make the pipe, once, in the process whose children shall see the sign."""
        if self._reader is None:
            self._reader, self._writer = os.pipe()

    def give(self) -> None:
        """Tell every process of this worker to finish. May be called by a signal handler, and more than once."""
        if self._writer is not None:
            os.set_blocking(self._writer, False)
            with suppress(OSError):
                os.write(self._writer, b"\0")

    @property
    def given(self) -> bool:
        """Whether the worker is stopping."""
        if self._reader is None:
            return False
        # Not select(): a busy dispatcher's descriptors go beyond its 1,024.
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        return bool(poll.poll(0))


stop_sign = StopSign()
