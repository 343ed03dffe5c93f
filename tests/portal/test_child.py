"""One process under the supervisor: restarts, pauses, bounds."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import child as module
from portal.child import Child
from tests.processes import wait_until

pytestmark = pytest.mark.process


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Child]]:
    children: list[Child] = []
    yield children
    for each in children:
        each.kill()


def _child(made: list[Child], folder: Path, code: str, within: float = 5.0) -> Child:
    made.append(Child("worker", (sys.executable, "-c", code), folder / "log" / "worker.log", within, dict(os.environ)))
    made[-1].start()
    return made[-1]


def test_pauses_grow_until_a_child_has_been_well(
    made: list[Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = _child(made, tmp_path, "raise SystemExit(3)")
    told = []
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    child._pause = 0.01
    while len(told) < 3:
        told += [line] if (line := wait_until(child.watch, within=20)) else []
    assert [line.partition(" in ")[2].partition(" s")[0] for line in told] == ["0.01", "0.02", "0.04"]
    assert "exit code 3" in told[0]
    monkeypatch.setattr(module, "WELL_AFTER_SECONDS", 0.0)
    assert "in 0.01 s" in wait_until(child.watch, within=20)


def test_a_child_that_ignores_the_signal_is_killed_in_time(made: list[Child], tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    child = _child(made, tmp_path, code, within=0.3)
    wait_until(child.log.read_text, what="the child")
    started = time.monotonic()
    assert child.stop() is False
    assert time.monotonic() - started < 5


def test_a_child_that_obeys_ends_well(made: list[Child], tmp_path: Path) -> None:
    assert _child(made, tmp_path, "import time; time.sleep(60)").stop() is True


def test_a_log_that_grew_too_large_makes_room(
    made: list[Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_LOG_BYTES", 10)
    log = tmp_path / "log" / "worker.log"
    log.parent.mkdir()
    log.write_text("x" * 11)
    child = _child(made, tmp_path, "print('new', flush=True)")
    wait_until(lambda: log.read_text() == "new\n", what="the new log")
    assert (tmp_path / "log" / "worker.log.1").read_text() == "x" * 11
    assert child.watch() or wait_until(child.watch)
