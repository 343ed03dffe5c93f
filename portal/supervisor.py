"""All processes of a single machine under one roof: `make run`, or `python -m portal.supervisor`.

Web, downloads, dispatcher and periodic jobs; in development also the demo receiver, with demo data. They stop in that
order: first nobody asks for anything new, then what is being sent ends, while downloads and receiver still answer it.
"""

import fcntl
import os
import signal
import socket  # noqa: TID251 - only to see whether our own ports are free
import subprocess
import sys
import time
import urllib.error
import urllib.request  # noqa: TID251 - only for our own health page
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import environ
from django.core.exceptions import ImproperlyConfigured

from portal.child import Child
from portal.environment import BASE_DIR, env, read_environment, read_home

TICK_SECONDS = 0.2
# Where the sample receivers listen.
SAMPLE_PORT = 9000
READY_WITHIN_SECONDS = 60


class CannotStart(Exception):
    """One line that says why nothing was started."""


@dataclass(frozen=True)
class Plan:
    """Where everything is: ports, home, environment."""

    port: int
    home: Path
    environment: str

    @property
    def demo(self) -> bool:
        return self.environment == "development"

    @property
    def demo_port(self) -> int:
        return self.port + 1

    @property
    def download_port(self) -> int:
        return self.port + 2

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def record(self) -> Path:
        return self.home / "received.jsonl"


def read_plan() -> Plan:
    """Read PORT, PORTAL_HOME and PORTAL_ENVIRONMENT, from .env too. Raises CannotStart for a PORT that is none."""
    environ.Env.read_env(env.str("PORTAL_ENV_FILE", default=str(BASE_DIR / ".env")))
    port = os.environ.get("PORT") or "8000"
    if not port.isdecimal() or not 1024 <= int(port) <= 65_533:
        raise CannotStart(f"PORT must be a number from 1024 to 65533 (two more above it are used too), not {port!r}.")
    try:
        return Plan(int(port), read_home(), read_environment())
    except (OSError, ImproperlyConfigured) as error:
        raise CannotStart(str(error)) from None


def build_environment(plan: Plan) -> dict[str, str]:
    """The environment of all children. Loopback opens in development only, and for two ports: the demo receiver's, and
    that of the sample receivers, so that one's own can be tried out at once."""
    values = dict(os.environ)
    values |= {"PORT": str(plan.port), "PORTAL_HOME": str(plan.home), "PYTHONUNBUFFERED": "1"}
    values.setdefault("PORTAL_BASE_URL", plan.address)
    values.setdefault("PORTAL_DOWNLOAD_BASE_URL", f"http://127.0.0.1:{plan.download_port}")
    if plan.demo:
        ours = (f"127.0.0.0/8:{port}" for port in (plan.demo_port, SAMPLE_PORT))
        allowed = [values.get("PORTAL_OUTBOUND_ALLOW", ""), *ours]
        values["PORTAL_OUTBOUND_ALLOW"] = ",".join(filter(None, allowed))
        values["PORTAL_OUTBOUND_ALLOW_LOOPBACK"] = "true"
        # Who tries it out has no time for it; the greeting says so.
        values.setdefault("PORTAL_STAFF_MFA", "false")
        values["PORTAL_DEMO_RECEIVER_URL"] = f"http://127.0.0.1:{plan.demo_port}"
    return values


def build_children(plan: Plan, values: dict[str, str]) -> list[Child]:
    """The children in the order in which they stop; they start in the reverse order."""
    python = sys.executable
    gunicorn = (python, "-m", "gunicorn", "-c")
    manage = (python, str(BASE_DIR / "manage.py"))
    deadline = float(values.get("PORTAL_OUTBOUND_DEADLINE_SECONDS") or 15)
    rows: list[tuple[str, tuple[str, ...], float]] = [
        ("web", (*gunicorn, "python:portal.gunicorn_web", "portal.wsgi"), 10),
        ("jobs", (*manage, "jobs"), 5),
        # It finishes what is in flight, and that takes a deadline at most.
        ("dispatcher", (*manage, "dispatcher"), deadline + 5),
        ("downloads", (*gunicorn, "python:portal.gunicorn_downloads", "portal.download_wsgi"), 10),
    ]
    if plan.demo:
        downloads = values["PORTAL_DOWNLOAD_BASE_URL"]
        words = ("-m", "portal.demo_receiver", "--port", str(plan.demo_port), "--record", str(plan.record))
        rows.append(("demo-receiver", (python, *words, "--downloads", f"{downloads}/"), 2))
    return [Child(name, words, plan.home / "log" / f"{name}.log", within, values) for name, words, within in rows]


@contextmanager
def alone_in(home: Path) -> Iterator[IO[str]]:
    """Hold the home's lock. Two dispatchers on one SQLite file would be one too many. Raises CannotStart."""
    with (home / "supervisor.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"Gancho already runs with the data in {home}: stop it first, or set PORTAL_HOME."
            ) from None
        yield lock


def check_ports(plan: Plan) -> None:
    """Raises CannotStart, naming the first port that something else uses."""
    for port in [plan.port, plan.download_port, *([plan.demo_port] if plan.demo else [])]:
        with socket.socket() as probe:
            # As gunicorn does: the last run's connections may still be in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((os.environ.get("PORTAL_BIND", "127.0.0.1"), port))
            except OSError:
                raise CannotStart(
                    f"Port {port} is in use: stop what uses it, or choose others: make run PORT=8100"
                ) from None


def prepare(plan: Plan, values: dict[str, str]) -> None:
    """Database, static files, demo data on the first run. Raises CannotStart when that fails."""
    words = [sys.executable, str(BASE_DIR / "manage.py"), "prepare", *(["--demo"] if plan.demo else [])]
    if subprocess.run(words, env=values, stdin=subprocess.DEVNULL, check=False).returncode:
        raise CannotStart("The preparation failed: see above.")


class Supervisor:
    """Starts the children, watches them until it is told to stop, stops them."""

    def __init__(self, plan: Plan, values: dict[str, str]) -> None:
        self.plan = plan
        self.children = build_children(plan, values)
        self.stopping = False

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            for child in reversed(self.children):
                child.start()
            self._wait_until_ready()
            while not self.stopping:
                self._watch()
                time.sleep(TICK_SECONDS)
        finally:
            self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            # Asked twice: somebody is in a hurry.
            for child in self.children:
                child.kill()
        self.stopping = True

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + READY_WITHIN_SECONDS
        while not self.stopping and not _is_ready(f"{self.plan.address}/health/ready"):
            self._watch()
            if time.monotonic() > give_up_at:
                say(f"The portal does not answer yet: see {self.plan.home / 'log'}")
                return
            time.sleep(TICK_SECONDS)
        if not self.stopping:
            self._greet()

    def _greet(self) -> None:
        accounts = self.plan.home / "demo-accounts.txt"
        if self.plan.demo and accounts.exists():
            say(accounts.read_text().rstrip())
            if build_environment(self.plan)["PORTAL_STAFF_MFA"] == "false":
                say("  No second factor is demanded here; elsewhere operations must have one (PORTAL_STAFF_MFA)")
        say(f"Gancho is ready at {self.plan.address}/  (Ctrl-C stops it; logs in {self.plan.home / 'log'})")

    def _watch(self) -> None:
        for child in self.children:
            if told := child.watch():
                say(told)

    def _stop(self) -> None:
        say("Stopping ...")
        for child in self.children:
            if not child.stop():
                say(f"{child.name} did not end within {child.stop_within:g} s and was killed")
        say("Stopped.")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310, TID251 - our own
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def say(text: str) -> None:
    """Tell the person at the terminal, who may be gone."""
    try:
        print(text, flush=True)  # noqa: T201 - this is a program for a terminal
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process


def main() -> int:
    try:
        plan = read_plan()
        with alone_in(plan.home):
            check_ports(plan)
            values = build_environment(plan)
            prepare(plan, values)
            Supervisor(plan, values).run()
    except CannotStart as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
