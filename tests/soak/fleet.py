"""The senders of a mode, each of which may be killed, told to stop and started again while the others work."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Self

from tests.dispatch.running import Senders, celery_workers, dispatchers, how_many

# A busy machine is no fault of a receiver's: what it answers at once must not come after the deadline. The lease has to
# cover a whole batch of that, tokens included, or nothing starts (dispatch.E002).
LEASE_SECONDS = 45
NUMBERS = {"PORTAL_OUTBOUND_DEADLINE_SECONDS": "8", "PORTAL_DISPATCH_LEASE_SECONDS": str(LEASE_SECONDS)}


class Fleet:
    """As many senders as the mode allows; two beats with a broker."""

    def __init__(self, senders: Senders, folder: Path) -> None:
        self.senders = senders
        self.folder = folder
        self.kills = 0
        self.slow_stops = 0
        self._beats = ExitStack()
        self._running: list[tuple[ExitStack, Popen[bytes]]] = []

    def start(self) -> None:
        for _number in range(2 if self.senders.broker else 0):
            self._beats.enter_context(celery_workers(self.folder, 0, broker=self.senders.broker, **NUMBERS))
        self._running = [self._start_one() for _number in range(how_many())]
        self.senders.wait_until_alive()

    def _start_one(self) -> tuple[ExitStack, Popen[bytes]]:
        stack = ExitStack()
        if self.senders.broker:
            one = celery_workers(self.folder, 1, broker=self.senders.broker, beat=False, wait=False, **NUMBERS)
        else:
            one = dispatchers(self.folder, 1, **NUMBERS)
        return stack, stack.enter_context(one)[0]

    def kill(self, place: int, pause: float) -> None:
        """kill -9 of one, and another one in its place after a while."""
        stack, process = self._running[place % len(self._running)]
        self.senders.kill(process)
        self.kills += 1
        stack.close()
        time.sleep(pause)
        self._running[place % len(self._running)] = self._start_one()

    def restart(self, place: int, *, beside: bool) -> None:
        """Tell one to stop; its successor is there `beside` it already, as at an upgrade, or comes afterwards."""
        new = self._start_one() if beside else None
        self._stop(self._running[place % len(self._running)])
        self._running[place % len(self._running)] = new or self._start_one()

    def revive(self) -> int:
        """Start again what has ended by itself; return how many had."""
        dead = [place for place, (_stack, process) in enumerate(self._running) if process.poll() is not None]
        for place in dead:
            self._running[place][0].close()
            self._running[place] = self._start_one()
        return len(dead)

    def stop(self) -> None:
        while self._running:
            self._stop(self._running.pop())
        self._beats.close()

    def _stop(self, one: tuple[ExitStack, Popen[bytes]]) -> None:
        stack, process = one
        stack.close()
        # It was killed because it did not stop: what it held counts as lost by a kill. One that had not begun yet has
        # ended by the first signal.
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            self.slow_stops += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
