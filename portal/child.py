"""One process under the supervisor: started, watched, started again with growing pauses, ended within bounds."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from portal.environment import BASE_DIR

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A child that lived this long was well: what ends it now is a new trouble and starts with the shortest pause.
WELL_AFTER_SECONDS = 30.0
LARGEST_LOG_BYTES = 10 * 2**20
PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """A command with its log file. `stop_within` seconds after SIGTERM it is killed."""

    name: str
    words: tuple[str, ...]
    log: Path
    stop_within: float
    env: dict[str, str] = field(repr=False)
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _start_again_at: float = 0.0
    _pause: float = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C in the terminal reaches the supervisor alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.words,
                cwd=BASE_DIR,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - the supervisor has no threads
            )
        self._started_at = time.monotonic()

    def watch(self) -> str:
        """Notice an end, start again when the pause is over. Returns what is worth telling, or nothing."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_again_at:
                self.start()
            return ""
        if (code := self._process.poll()) is None:
            return ""
        if now - self._started_at > WELL_AFTER_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self._process, self._start_again_at = None, now + self._pause
        told = f"{self.name} ended ({_spoken(code)}); starting it again in {self._pause:g} s, see {self.log}"
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        return told

    def stop(self) -> bool:
        """Ask the process to end and wait for it. Returns False when it had to be killed."""
        if self._process is None:
            return True
        self._process.terminate()
        try:
            self._process.wait(self.stop_within)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """End the process and whatever it started, at once."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _spoken(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end_with_parent() -> None:
    # A supervisor that was killed can't stop anybody: the kernel does it. Elsewhere than on Linux nobody does.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
