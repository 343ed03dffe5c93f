"""The sample receivers of docs/receivers as processes: how each is started, and what it has kept."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.processes import ROOT, portal_environment, started, wait_until
from tests.services import free_port, miss, provide_node


def _python() -> str:
    return sys.executable


def _node() -> str:
    return provide_node() or miss("Node.js 18 or newer")


def _java() -> str:
    program = shutil.which("java")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr if program else ""
    version = re.search(r'version "(\d+)', said)
    # Not among those that must run: a machine without a JDK says so and goes on, in CI too.
    if not (program and version and int(version[1]) >= 17 and shutil.which("javac")):
        pytest.skip("no JDK 17 or newer here: the Java sample was not run")
    return program


# The C-sharp sample is not among them: it was written without a .NET at hand, and the documentation says so.
SAMPLES: dict[str, tuple[Callable[[], str], str]] = {
    "python": (_python, "python/receiver.py"),
    "python-django": (_python, "python-django/receiver.py"),
    "node": (_node, "node/receiver.mjs"),
    "java": (_java, "java/Receiver.java"),
}


@dataclass(frozen=True)
class Running:
    """A sample that listens, and the folder that it keeps things in."""

    port: int
    folder: Path
    stops: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def stop(self) -> None:
        """End it before its block ends, so that another may listen at its port."""
        for process in self.stops:
            process.terminate()
            process.wait(10)

    def kept(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def said(self) -> str:
        """What it has printed until now."""
        return (self.folder.parent / "log").read_text()

    def post(self, headers: dict[str, str], body: bytes) -> int:
        """POST something by hand; returns the status."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/hook", body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status


@contextmanager
def running(name: str, folder: Path, *, port: int | None = None, **settings: str) -> Iterator[Running]:
    """Sample `name` with these settings (WEBHOOK_SECRET, WEBHOOK_TOKEN), once it answers; ended with the block."""
    file = ROOT / "docs" / "receivers" / SAMPLES[name][1]
    with running_file(name, file, folder, port=port, **settings) as sample:
        yield sample


@contextmanager
def running_file(name: str, file: Path, folder: Path, *, port: int | None = None, **settings: str) -> Iterator[Running]:
    """The same for a file of the language that sample `name` is in."""
    find, _sample = SAMPLES[name]
    sample = Running(port or free_port(), folder / "received")
    env = {word: value for word, value in portal_environment(folder).items() if word in ("PATH", "HOME", "LANG")}
    env |= {"PYTHONUNBUFFERED": "1", "PORT": str(sample.port), "FOLDER": str(sample.folder)} | settings
    with started(find(), str(file), env=env, log=folder / "log") as process:
        sample.stops.append(process)

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            return _answers(sample.port)

        wait_until(answers, within=30, what=f"the {name} sample")
        yield sample


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        # Whatever it says of a GET.
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()
