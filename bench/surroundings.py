"""Everything around what is measured: PostgreSQL, Redis and the receiver, private to one run."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.processor import parent_of
from bench.receiver import Receiver, running_receiver
from tests import services
from tests.processes import ROOT, end, started, wait_until

# As a careful operator has it: nothing acknowledged is lost. An fsync took 0.15 ms where this was written; it stays on.
POSTGRES = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "10000",
    # Only the row that counts statements turns it on.
    "pg_stat_statements.track": "none",
    "pg_stat_statements.track_utility": "off",
}

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
# The processes' last words, when a run failed.
KEPT = ROOT / "test-artefacts" / "bench"


@dataclass
class Surroundings:
    """One run's servers. `postgres` is the process id of the server's main process."""

    folder: Path
    server_url: str
    postgres: int
    broker_url: str
    receiver: Receiver

    def new_database(self, like: str = "template1") -> str:
        """Return the URL of a new database, empty or a copy of another one's. It goes with its server."""
        name = f"bench_{secrets.token_hex(4)}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            # Whoever is still connected to the other one keeps it from being copied.
            other = like.rpartition("/")[2]
            connection.execute(CUT, [other])
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{other}"')
        return f"{self.server_url.rpartition('/')[0]}/{name}"

    def settle(self) -> None:
        """Write out what is dirty, so that nobody pays for what somebody else has left."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """Start the servers for the length of the block. Raises RuntimeError for one that can't be had."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gancho-bench-")))
        if not services.find_postgres():
            services.install("postgresql")
        programs = services.find_postgres()
        if programs is None:
            raise RuntimeError("PostgreSQL is not here and could not be installed")
        server_url = stack.enter_context(services.private_postgres(programs, **POSTGRES))
        with psycopg.connect(server_url, autocommit=True) as connection:
            postgres = parent_of(connection.info.backend_pid)
            _make_connecting_cheap(connection)
        broker_url = stack.enter_context(_running_redis(folder))
        receiver = stack.enter_context(running_receiver(folder))
        try:
            yield Surroundings(folder, server_url, postgres, broker_url, receiver)
        except BaseException:
            _keep_logs(folder)
            raise


def _keep_logs(folder: Path) -> None:
    shutil.rmtree(KEPT, ignore_errors=True)
    for path in folder.rglob("*.log"):
        kept = KEPT / path.relative_to(folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kept)


def _make_connecting_cheap(connection: psycopg.Connection) -> None:
    """Let connections sign in by MD5: SCRAM adds 4 ms of processor time to each, which only the designs that connect
    for every delivery would pay, and which is no part of their idea."""
    (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    Path(folder, "pg_hba.conf").write_text("host all all 127.0.0.1/32 md5\n")
    connection.execute("SET password_encryption = 'md5'")
    connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(sql.Literal(connection.info.password)))
    connection.execute("SELECT pg_reload_conf()")


@contextmanager
def _running_redis(folder: Path) -> Iterator[str]:
    if not shutil.which("redis-server"):
        services.install("redis-server")
    program = shutil.which("redis-server")
    if not program:
        raise RuntimeError("Redis is not here and could not be installed")
    port = services.free_port()
    words = (program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    log = folder / "redis.log"
    with started(*words, "--dir", str(folder), env={}, log=log):
        wait_until(lambda: "Ready to accept" in log.read_text(), what="Redis")
        yield f"redis://127.0.0.1:{port}/0"


class Talker:
    """A process that reads a line and answers with a line of JSON. A context manager."""

    def __init__(self, *arguments: str, env: dict[str, str], log: Path) -> None:
        self._arguments, self._env, self._log = arguments, env, log

    def __enter__(self) -> "Talker":
        self._errors = self._log.open("ab")
        self.process = subprocess.Popen(
            self._arguments,
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self.hear()
        return self

    def __exit__(self, *exc: object) -> None:
        end(self.process)
        self._errors.close()

    def say(self, words: str) -> None:
        """Send a command and don't wait."""
        assert self.process.stdin
        self.process.stdin.write(f"{words}\n".encode())
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for the next answer. Raises RuntimeError with the process' last words when it ended instead."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            time.sleep(0.1)
            raise RuntimeError(f"{' '.join(self._arguments[:4])} ended: {self._log.read_text()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, words: str) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.say(words)
        return self.hear()


def plain_environment(**values: str) -> dict[str, str]:
    """The environment of a process that is measured: paths and what is named, nothing else of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
    return kept | {"PYTHONUNBUFFERED": "1"} | values
