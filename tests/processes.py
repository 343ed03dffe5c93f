"""Real processes for tests: what they may see of the outside, how they are started, waited for and ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEYS = "k1:dGVzdHMtb25seS1rZXktbnVtYmVyLW9uZS0zMi1ieSE="


def portal_environment(home: Path, database_url: str = "", **over: str) -> dict[str, str]:
    """The environment of a portal process: its own home, fixed keys, loopback allowed, nothing else of this process."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
    return kept | {
        "PORTAL_ENV_FILE": os.devnull,
        "PORTAL_ENVIRONMENT": "development",
        "PORTAL_HOME": str(home),
        "PORTAL_DATA_KEYS": KEYS,
        "SECRET_KEY": "only-for-tests-and-therefore-the-same-every-day",
        "DATABASE_URL": database_url or f"sqlite:///{home}/gancho.sqlite3",
        "PORTAL_OUTBOUND_ALLOW": "127.0.0.0/8",
        "PORTAL_OUTBOUND_ALLOW_LOOPBACK": "true",
        "PYTHONUNBUFFERED": "1",
        **over,
    }


@contextmanager
def started(
    *arguments: str, env: dict[str, str], log: Path, stop_within: float = 20.0
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in its own session, its output in `log`; ended by SIGTERM, then by SIGKILL, when the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        end(process, within=stop_within)


def manage(*arguments: str) -> tuple[str, ...]:
    """The words of a management command, for `started` or `run`."""
    return (sys.executable, str(ROOT / "manage.py"), *arguments)


def run(*arguments: str, env: dict[str, str], timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """A process to its end, with what it wrote."""
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def end(process: subprocess.Popen[bytes], *, within: float = 20.0) -> int:
    """Ask a process to stop; kill it when it doesn't. Returns its exit code (negative: the signal)."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            kill(process)
    return process.wait(10)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9, and wait until it is gone."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait(10)


def wait_until(condition: Callable[[], Any], *, within: float = 10.0, what: str = "it") -> Any:
    """Poll until `condition` gives something true, and return that; fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {within} s for {what} in vain"
        time.sleep(0.02)
    return found


class Oracle:
    """Handle of one oracle process (tests/oracle.py) and of its record. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "received.jsonl"
        self._log = folder / "oracle.log"

    def __enter__(self) -> "Oracle":
        words = [sys.executable, str(ROOT / "tests" / "oracle.py"), "--record", str(self.record)]
        self._running = started(*words, env={"PYTHONUNBUFFERED": "1"}, log=self._log)
        self._running.__enter__()
        self.port = int(wait_until(lambda: self._log.read_text().partition("\n")[0], what="the oracle's port"))
        return self

    def __exit__(self, *exc: object) -> None:
        self._running.__exit__(None, None, None)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def lines(self) -> list[dict[str, Any]]:
        """All lines written so far, complete ones only."""
        if not self.record.exists():
            return []
        text, _, _ = self.record.read_text().rpartition("\n")
        return [json.loads(line) for line in text.splitlines()]

    def received(self, target: str | None = None) -> list[dict[str, Any]]:
        """Requests in order of arrival, each with `status` and `answered_at` (None while it has no answer)."""
        requests: dict[int, dict[str, Any]] = {}
        for line in self.lines():
            if "n" in line:
                requests[line["n"]] = line | {"status": None, "answered_at": None}
            else:
                requests[line["answered"]] |= {"status": line["status"], "answered_at": line["at"]}
        return [request for request in requests.values() if target in (None, request["target"])]

    def wait_for(self, count: int, *, target: str | None = None, within: float = 10.0) -> list[dict[str, Any]]:
        """Wait until `count` requests have been received."""
        enough: Callable[[], Any] = lambda: len(self.received(target)) >= count  # noqa: E731
        wait_until(enough, within=within, what=f"{count} requests at the oracle")
        return self.received(target)

    def open_gate(self, name: str) -> None:
        Path(f"{self.record}.{name}.open").touch()

    def issue(self, name: str, **script: Any) -> None:
        """From now on the token endpoint /issue/<name> does as the script says (see tests/oracle.py)."""
        path = Path(f"{self.record}.{name}.issue")
        # At once as a whole: the oracle reads it at every request.
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(script))
        draft.replace(path)

    def revoke(self, name: str, count: int) -> None:
        """/bearer/<name> no longer takes the first `count` tokens of that name."""
        Path(f"{self.record}.{name}.revoked").write_text(str(count))

    def switch(self, name: str, status: int) -> None:
        Path(f"{self.record}.{name}.status").write_text(str(status))


def header(request: dict[str, Any], name: str) -> str | None:
    """A header of a line of the oracle; None when it didn't come, an error when it came twice."""
    values = [value for key, value in request["headers"] if key.lower() == name.lower()]
    assert len(values) < 2, f"{name} came {len(values)} times"
    return values[0] if values else None
