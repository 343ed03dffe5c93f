"""Redis and RabbitMQ for tests: found, else installed where allowed; started privately, stopped by their own pids.

A private instance has a folder, a free port on loopback, a random password and nothing of an installation beside it.
It can be taken away, brought back, emptied and made silent: what the portal promises for all of that is tested.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self

import kombu

from tests import services

RABBITMQ_SECONDS = 60
REDIS_SECONDS = 10


def find_redis() -> str | None:
    """The server's program."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def find_rabbitmq() -> Path | None:
    """The script behind the packages' wrappers, which would insist on a user and a folder of their own."""
    places = ["usr/lib/rabbitmq/bin/rabbitmq-server", "opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server"]
    return next((path for path in (Path("/") / place for place in places) if path.exists()), None)


def provide_redis() -> str | None:
    """The path of redis-server, after installing it when need be; None when it can't be had."""
    if not find_redis():
        services.install("redis-server")
    return find_redis()


def provide_rabbitmq() -> str | None:
    """The path of RabbitMQ's script, after installing it when need be; None when it can't be had."""
    if not find_rabbitmq():
        services.install("rabbitmq-server")
    found = find_rabbitmq()
    return str(found) if found else None


class Server(ABC):
    """A broker of one test's own. A context manager; between start and stop it can be made silent."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gancho-broker-"))
        self.port = services.free_port()
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it listens, with its password."""

    @abstractmethod
    def start(self) -> None:
        """Start it, with the port and the password that it had before."""

    def stop(self) -> None:
        """kill -9: what it had in memory is gone."""
        if self._process is not None:
            self.resume()
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def suspend(self) -> None:
        """From now on it accepts connections, by its backlog, and never answers."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, words: list[str], env: dict[str, str], answers: Callable[[], bool], *, within: float) -> None:
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                words,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                preexec_fn=services.end_with_parent,
            )
        give_up_at = time.monotonic() + within
        while not answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"{words[0]} did not start: {log.read_text()}")
            time.sleep(0.05)


class Redis(Server):
    """A Redis that writes nothing down."""

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = provide_redis()
        assert program
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "requirepass": self.password,
            "save": "",
            "appendonly": "no",
            "dir": str(self.folder),
        }
        words = [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]
        self._run(words, dict(os.environ), self._answers, within=REDIS_SECONDS)

    def flush(self) -> None:
        """Throw everything away that is in it."""
        assert self.ask("FLUSHALL").startswith("+OK")

    def ask(self, words: str) -> str:
        """The raw answer to one command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
            plain.sendall(f"AUTH {self.password}\r\n{words}\r\n".encode())
            lines = plain.makefile()
            lines.readline()
            return lines.readline()

    def _answers(self) -> bool:
        try:
            return self.ask("PING").startswith("+PONG")
        except OSError:
            return False


class RabbitMQ(Server):
    """A RabbitMQ node without plugins, with a name, a cookie and a port mapper (epmd) of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._mapper: subprocess.Popen[bytes] | None = None
        self._mapper_port = services.free_port()
        self._name = f"gancho-{secrets.token_hex(4)}@localhost"

    @property
    def url(self) -> str:
        return f"amqp://tests:{self.password}@127.0.0.1:{self.port}//"

    def start(self) -> None:
        program = find_rabbitmq()
        assert program
        env = self._environment()
        if self._mapper is None:
            words = ["epmd", "-port", str(self._mapper_port), "-address", "127.0.0.1"]
            self._mapper = subprocess.Popen(
                words, env=env, stdin=subprocess.DEVNULL, cwd=self.folder, preexec_fn=services.end_with_parent
            )
        self._run([str(program)], env, self._answers, within=RABBITMQ_SECONDS)

    def stop(self) -> None:
        super().stop()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait(10)
            self._mapper = None

    def _environment(self) -> dict[str, str]:
        settings = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            "default_user = tests",
            f"default_pass = {self.password}",
            "vm_memory_high_watermark.absolute = 1GB",
            "disk_free_limit.absolute = 10MB",
        ]
        (self.folder / "rabbitmq.conf").write_text("\n".join(settings) + "\n")
        (self.folder / "plugins").write_text("[].\n")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            # Erlang's cookie lies in the home of whoever starts it.
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(services.free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # The script becomes the server instead of waiting for it: its pid is the one to stop.
            "RUNNING_UNDER_SYSTEMD": "1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

    def _answers(self) -> bool:
        try:
            with kombu.Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
        except Exception:  # noqa: BLE001 - whatever is wrong, it is not there yet
            return False
        return True
