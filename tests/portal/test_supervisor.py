"""`make run` as a newcomer sees it: one command, everything up, everything down again."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.processes import KEYS, end, kill, run, started, wait_until
from tests.services import free_port

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

SUPERVISOR = (sys.executable, "-m", "portal.supervisor")


class Home:
    """One installation: its folder, its ports, and what the supervisor said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port(neighbours=2)
        self.log = folder / "supervisor.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.env = kept | {
            "PORTAL_ENV_FILE": os.devnull, "PORTAL_HOME": str(folder / "home"), "PORT": str(self.port),
            "PORTAL_WEB_WORKERS": "1",
        }  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        self.log.unlink(missing_ok=True)
        with started(*SUPERVISOR, env=self.env, log=self.log, stop_within=60) as process:
            wait_until(lambda: "ready at" in self.said() or process.poll() is not None, within=90, what="the portal")
            assert process.poll() is None, self.said()
            yield process

    def said(self) -> str:
        return self.log.read_text()

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return response.read().decode()

    def received(self) -> list[dict]:
        record = self.folder / "home" / "received.jsonl"
        return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []

    def processes(self) -> dict[str, int]:
        """What runs for this home, by its words: gunicorns, commands, receiver (and gunicorn's own workers)."""
        found = {}
        for folder in Path("/proc").iterdir():
            if (
                folder.name.isdecimal()
                and (words := _words_of(folder))
                and f"PORTAL_HOME={self.folder}/home" in words[1]
            ):
                found[words[0]] = int(folder.name)
        return found


def _words_of(folder: Path) -> tuple[str, str] | None:
    try:
        command = (folder / "cmdline").read_text().replace("\0", " ")
        return command, (folder / "environ").read_text().replace("\0", "\n")
    except OSError:
        return None


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("run"))


def test_one_command_brings_everything_up_and_one_signal_down(home: Home) -> None:
    with home.running() as supervisor:
        said = home.said()
        assert f"Gancho is ready at http://127.0.0.1:{home.port}/" in said.splitlines()[-1]
        assert "marina@ventoalto.example" in said
        assert "gancho-demo" in said
        assert "No second factor is demanded here" in said
        assert json.loads(home.get("/health/ready"))["ready"]
        # Published by the seed, sent by the dispatcher, downloaded by the receiver inside the request.
        line = wait_until(lambda: next((line for line in home.received() if line["status"] == 200), None), within=30)
        assert re.match(r"\d+ bytes, SHA-256 [0-9a-f]{64}", line["download"])
        assert end(supervisor, within=60) == 0
    assert "Stopped." in home.said()
    assert "killed" not in home.said()
    assert home.processes() == {}


def test_a_second_run_keeps_the_data_and_refuses_a_third_beside_it(home: Home) -> None:
    before = (home.folder / "home" / "keys.env").read_text()
    with home.running():
        assert "There is data already" in home.said()
        assert "marina@ventoalto.example" in home.said()
        assert (home.folder / "home" / "keys.env").read_text() == before
        third = run(*SUPERVISOR, env=home.env)
        assert (third.returncode, third.stdout.count("\n")) == (1, 1)
        assert "already runs with the data in" in third.stdout
        elsewhere = run(*SUPERVISOR, env=home.env | {"PORTAL_HOME": str(home.folder / "other")})
        assert (elsewhere.returncode, elsewhere.stdout.count("\n")) == (1, 1)
        assert f"Port {home.port} is in use" in elsewhere.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_that_dies_comes_back_and_none_survives_the_supervisor(home: Home) -> None:
    with home.running() as supervisor:
        dispatcher = next(pid for words, pid in home.processes().items() if words.endswith("dispatcher "))
        os.kill(dispatcher, signal.SIGKILL)
        wait_until(lambda: "dispatcher ended (signal SIGKILL)" in home.said(), what="the news")
        again = wait_until(
            lambda: next((pid for words, pid in home.processes().items() if words.endswith("dispatcher ")), None),
            what="a new dispatcher",
        )
        assert again != dispatcher
        # A supervisor that is killed can't stop anybody: the kernel tells its children.
        kill(supervisor)
        wait_until(lambda: not home.processes(), within=40, what="the end of all children")


@pytest.mark.parametrize("port", ["80", "70000", "eight"])
def test_a_port_that_is_none_is_one_clear_line(tmp_path: Path, port: str) -> None:
    found = run(*SUPERVISOR, env=Home(tmp_path).env | {"PORT": port})
    assert (found.returncode, found.stdout.count("\n"), found.stderr) == (1, 1, "")
    assert "PORT must be a number" in found.stdout


def test_demo_data_is_refused_outside_development(tmp_path: Path) -> None:
    env = Home(tmp_path).env | {
        "PORTAL_ENVIRONMENT": "homologation",
        "PORTAL_BASE_URL": "https://portal.example",
        "SECRET_KEY": "only-for-tests-and-therefore-the-same-every-day",
        "PORTAL_DATA_KEYS": KEYS,
    }
    found = run(sys.executable, "manage.py", "seed_demo", env=env)
    assert found.returncode == 2
    assert "known passwords" in found.stderr
