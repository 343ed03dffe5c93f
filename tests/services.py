"""What the tests need and a machine may lack: PostgreSQL, Chromium, Node.js, npm, nginx, openssl. Found, else installed
where allowed. Brokers: tests/brokers.py; servers that give and check tokens: tests/servers.

PostgreSQL is started privately: a fresh cluster in a temporary folder, a free port on loopback, an unprivileged user
and a random password, without fsync; it is stopped by its own process id. `python -m tests.services` says what is here.
"""

import ctypes
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Self

import psycopg
import pytest

SERVER_URL = "TEST_POSTGRES_URL"
APT_SECONDS = 600
PR_SET_PDEATHSIG = 1


def must_have_everything() -> bool:
    """Whether a service that can't be had is a failure: CI=true."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def miss(what: str) -> NoReturn:
    """Say within a test that a service can't be had: a skip with its reason, in CI a failure."""
    reason = f"{what} is not here and could not be installed"
    if must_have_everything():
        pytest.fail(reason)
    pytest.skip(reason)


# --- finding ----------------------------------------------------------------------------------------------------


def find_postgres() -> Path | None:
    """The folder with initdb and postgres of the newest PostgreSQL here; it needn't be on the PATH."""
    folders = [Path(program).resolve().parent for name in ("postgres", "initdb") if (program := shutil.which(name))]
    for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"):
        folders += Path("/").glob(pattern.lstrip("/"))
    complete = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return max(complete, key=_version_in, default=None)


def _version_in(folder: Path) -> int:
    return max((int(number) for number in re.findall(r"\d+", str(folder))), default=0)


def find_chromium() -> str | None:
    """A Chromium or Chrome that really starts: the command of some distributions only asks to install another."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        program = shutil.which(name)
        if program and subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0:
            return program
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    return mac if Path(mac).exists() else None


def find_node() -> str | None:
    """A Node.js that can run the sample receiver: version 18 or newer."""
    program = shutil.which("node") or shutil.which("nodejs")
    if not program:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)", said)
    return program if version and int(version[1]) >= 18 else None


def find_nginx() -> str | None:
    """The path of nginx, which needn't be on the PATH of an ordinary user."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


# --- installing -------------------------------------------------------------------------------------------------


def install(package: str) -> None:
    """Install a Debian package when this is root's machine and nobody said no (TESTS_MAY_INSTALL=no)."""
    allowed = os.environ.get("TESTS_MAY_INSTALL", "yes").lower() not in ("0", "no", "false")
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0 or not allowed:
        return
    print(f"{package} is not here: installing it", flush=True)
    # RUNLEVEL=1 keeps the package from starting a server of its own.
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in ([apt, "-qq", "update"], [apt, "-qq", "install", "-y", "--no-install-recommends", package]):
        try:
            subprocess.run(words, env=env, stdin=subprocess.DEVNULL, timeout=APT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            print(f"{' '.join(words)} took longer than {APT_SECONDS} s", flush=True)


def provide_chromium() -> str | None:
    """Chromium's path, after installing it when need be; None when it can't be had."""
    if not find_chromium():
        install("chromium")
    return find_chromium()


def provide_node() -> str | None:
    """The path of Node.js, after installing it when need be; None when it can't be had."""
    if not find_node():
        install("nodejs")
    return find_node()


def provide_npm() -> str | None:
    """The path of npm, which some packages of Node.js bring, as above."""
    if provide_node() and not shutil.which("npm"):
        install("npm")
    return shutil.which("npm")


def provide_nginx() -> str | None:
    """The path of nginx, after installing it when need be; None when it can't be had."""
    if not find_nginx():
        install("nginx")
    return find_nginx()


def provide_openssl() -> str | None:
    """The path of the openssl command, after installing it when need be; None when it can't be had."""
    if not shutil.which("openssl"):
        install("openssl")
    return shutil.which("openssl")


@contextmanager
def provide_postgres() -> Iterator[str | None]:
    """The URL of a PostgreSQL server for the length of the block: the one named in the environment, else a private one.

    None when it can't be had.
    """
    if url := os.environ.get(SERVER_URL):
        yield url
        return
    if not find_postgres():
        install("postgresql")
    programs = find_postgres()
    if programs is None:
        yield None
        return
    with private_postgres(programs) as url:
        yield url


# --- a private PostgreSQL ---------------------------------------------------------------------------------------


@contextmanager
def private_postgres(programs: Path, **over: str) -> Iterator[str]:
    """The URL of a fresh server of our own. `over`: settings of the server that a test would have otherwise."""
    with PrivatePostgres(programs, **over) as server:
        yield server.url


class PrivatePostgres:
    """A fresh cluster of our own, running inside the `with` block; it may be stopped and started again meanwhile."""

    def __init__(self, programs: Path, **over: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gancho-postgres-"))
        self._programs = programs
        self._password = secrets.token_hex(16)
        self._user = _unprivileged_user()
        self._port = free_port()
        self._settings = {"port": str(self._port), **over}
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://tests:{self._password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, on the port and with the data that it had before; returns once it answers."""
        self._server = _start_server(self._programs, self.folder, self._user, self._settings)
        _wait_for_server(self.url, self._server, self.folder)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: open connections are cut. `at_once`: as after a crash, it has to recover when it starts again."""
        if self._server is not None:
            if at_once:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait(15)
            _stop_server(self._server)

    def __enter__(self) -> Self:
        try:
            _init_cluster(self._programs, self.folder, self._password, self._user)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root, so root starts it as somebody else; anybody else as himself."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _init_cluster(programs: Path, folder: Path, password: str, user: str | None) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if user:
        account = pwd.getpwnam(user)
        for path in (folder, secret):
            os.chown(path, account.pw_uid, account.pw_gid)
    words = ["--auth=scram-sha-256", "--username=tests", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
    subprocess.run(
        [programs / "initdb", "--no-sync", "-D", folder / "data", *words],
        check=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        **_as(user),
    )


def _start_server(programs: Path, folder: Path, user: str | None, over: dict[str, str]) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "300",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "shared_buffers": "128MB",
        "log_min_messages": "warning",
        **over,
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=end_with_parent,
            **_as(user),
        )


def _as(user: str | None) -> dict:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def end_with_parent() -> None:
    """For `preexec_fn`: a server of the tests ends with the process that started it."""
    # A run that is killed can't stop its server: on Linux the kernel does.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_for_server(url: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    give_up_at = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'server.log').read_text()}") from None
            time.sleep(0.05)
        else:
            return


def _stop_server(server: subprocess.Popen[bytes]) -> None:
    # SIGINT is "fast": open connections are cut. SIGQUIT would not wait even for the children.
    for number in (signal.SIGINT, signal.SIGQUIT):
        if server.poll() is None:
            server.send_signal(number)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                continue
    if server.poll() is None:
        server.kill()
        server.wait(10)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on the server; dropped at the end."""
    name = f"gancho_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def free_port(neighbours: int = 0) -> int:
    """A port on loopback nobody uses, with as many free ones right above it."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            first: int = listener.getsockname()[1]
        if first + neighbours < 65_536 and all(_is_free(first + step) for step in range(1, neighbours + 1)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    for name, find in (
        ("PostgreSQL", find_postgres),
        ("Chromium", find_chromium),
        ("Node.js", find_node),
        ("npm", lambda: shutil.which("npm")),
        ("nginx", find_nginx),
        ("openssl", lambda: shutil.which("openssl")),
    ):
        print(f"{name}: {find() or 'not found'}")
