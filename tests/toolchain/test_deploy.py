"""deploy/ is tried: each command of the units and the Procfiles is started as it stands, works, and ends at SIGTERM.

What differs from an installation: the paths, the ports, the settings file. systemd's own words are checked by systemd.
"""

import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import brokers, services
from tests.certificates import Authority
from tests.processes import ROOT, end, manage, portal_environment, run, started, wait_until

UNITS = sorted(ROOT.glob("deploy/systemd/*.service"))
PROCFILES = sorted(ROOT.glob("deploy/Procfile*"))
NGINX = ROOT / "deploy" / "nginx" / "gancho.conf"
CELERY = ("worker", "beat")
# What a process says once it works; the web servers are asked.
SIGNS = {
    "dispatcher": "dispatcher.started",
    "jobs": "beat: Starting",
    "worker": "ready.",
    "beat": "beat: Starting",
}


def read_unit(path: Path) -> dict[str, list[str]]:
    """The values of a unit's [Service], in order; a name may come more than once."""
    values: dict[str, list[str]] = {}
    for line in path.read_text().partition("[Service]")[2].partition("[Install]")[0].splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values.setdefault(name, []).append(value)
    return values


def kind_of(path: Path) -> str:
    return path.stem.removeprefix("gancho-").removesuffix("@")


class Installation:
    """A folder that stands for the machine: the settings file, PORTAL_HOME, the ports."""

    def __init__(self, folder: Path, database_url: str = "", broker: str = "") -> None:
        self.folder, self.port = folder, services.free_port(2)
        settings = portal_environment(folder / "home", database_url, CELERY_BROKER_URL=broker, PORT=str(self.port))
        settings |= {"PORTAL_DOWNLOAD_PORT": str(self.port + 2), "PORTAL_ENV_FILE": os.devnull}
        (folder / "home").mkdir()
        (folder / "gancho.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def place(self, text: str) -> str:
        """The text of a unit, a Procfile or nginx's file with our paths in the place of an installation's."""
        text = text.replace("/opt/gancho/.venv/bin/python", sys.executable).replace("/opt/gancho", str(ROOT))
        return text.replace("/etc/gancho", str(self.folder)).replace("/var/lib/gancho", str(self.folder / "home"))

    def environment(self, unit: dict[str, list[str]]) -> dict[str, str]:
        """As systemd builds it: nothing of ours, Environment first, then the files; a dash allows one to be missing."""
        values: dict[str, str] = {"PATH": os.environ["PATH"]}
        for line in unit.get("Environment", []):
            values |= dict(word.split("=", 1) for word in shlex.split(self.place(line)))
        for name in unit["EnvironmentFile"]:
            file = Path(self.place(name.removeprefix("-")).replace("%i", "one"))
            if not name.startswith("-") or file.exists():
                values |= dict(line.split("=", 1) for line in file.read_text().splitlines())
        return values

    def words(self, unit: dict[str, list[str]], environment: dict[str, str]) -> list[str]:
        [line] = unit["ExecStart"]
        line = self.place(line).replace("%%", "\0").replace("%i", "one").replace("\0", "%")
        assert not re.search(r"%[a-zA-Z](?!\w)", line.replace("%h", ""))
        return shlex.split(re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], line))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One machine: SQLite, no broker; prepared by the unit that prepares."""
    return prepared(Installation(tmp_path_factory.mktemp("alone")))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Installation]:
    """PostgreSQL and Redis."""
    if not brokers.provide_redis():
        services.miss("Redis")
    with brokers.Redis() as redis, services.fresh_database(postgres_server) as url:
        yield prepared(Installation(tmp_path_factory.mktemp("grown"), url, redis.url))


def prepared(installation: Installation) -> Installation:
    unit = read_unit(ROOT / "deploy" / "systemd" / "gancho-prepare.service")
    environment = installation.environment(unit)
    done = run(*installation.words(unit, environment), env=environment)
    assert done.returncode == 0, done.stderr
    return installation


def try_unit(path: Path, installation: Installation) -> None:
    unit = read_unit(path)
    environment = installation.environment(unit)
    assert installation.place(unit["WorkingDirectory"][0]) == str(ROOT)
    words = installation.words(unit, environment)
    assert Path(words[0]).is_absolute()
    try_command(kind_of(path), words, environment, installation, stop_within=float(unit["TimeoutStopSec"][0]))


def try_command(
    kind: str, words: list[str], env: dict[str, str], installation: Installation, *, stop_within: float
) -> None:
    """Start it, see that it works, stop it by SIGTERM: exit code 0 within its time."""
    log = installation.folder / f"{kind}.log"
    log.unlink(missing_ok=True)
    with started(*words, env=env, log=log) as process:
        try:
            wait_until(lambda: is_alive(kind, installation.port, log), within=40, what=f"{kind} to work")
        except AssertionError:
            raise AssertionError(log.read_text()[-3000:]) from None
        assert process.poll() is None
        assert end(process, within=stop_within) == 0, log.read_text()[-3000:]


def is_alive(kind: str, port: int, log: Path) -> bool:
    if kind in SIGNS:
        return SIGNS[kind] in log.read_text()
    return fetch(f"http://127.0.0.1:{port + (2 if kind == 'downloads' else 0)}/health/live") == 200


def fetch(url: str) -> int:
    # nginx's certificate is of an authority of this test.
    trusting = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(url, timeout=5, context=trusting) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


WITHOUT_BROKER = [path for path in UNITS if kind_of(path) not in (*CELERY, "prepare")]
WITH_BROKER = [path for path in UNITS if kind_of(path) in CELERY]


@pytest.mark.process
@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", WITHOUT_BROKER, ids=kind_of)
def test_a_unit_starts_works_and_stops_in_time(alone: Installation, path: Path) -> None:
    try_unit(path, alone)


@pytest.mark.process
@pytest.mark.celery
@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", WITH_BROKER, ids=kind_of)
def test_a_unit_of_celery_starts_works_and_stops_in_time(grown: Installation, path: Path) -> None:
    try_unit(path, grown)


def procfile_lines(*, celery: bool) -> list[tuple[str, str]]:
    lines = {line for path in PROCFILES for line in path.read_text().splitlines() if line}
    pairs = sorted((name, words.strip()) for name, _, words in (line.partition(":") for line in lines))
    return [(name, words) for name, words in pairs if (name in CELERY) == celery]


def try_line(name: str, line: str, installation: Installation) -> None:
    env = installation.environment({"EnvironmentFile": ["/etc/gancho/gancho.env"]})
    program, *words = shlex.split(line)
    assert program == "python"
    try_command(name, [sys.executable, *words], env, installation, stop_within=30)


@pytest.mark.process
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "line"), procfile_lines(celery=False), ids=lambda value: value.partition(" ")[0])
def test_a_line_of_the_procfiles_starts_works_and_stops(alone: Installation, name: str, line: str) -> None:
    try_line(name, line, alone)


@pytest.mark.process
@pytest.mark.celery
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "line"), procfile_lines(celery=True), ids=lambda value: value.partition(" ")[0])
def test_a_line_of_the_procfiles_for_celery_does(grown: Installation, name: str, line: str) -> None:
    try_line(name, line, grown)


@pytest.mark.parametrize("path", UNITS, ids=kind_of)
def test_every_unit_is_held_to_the_same(path: Path) -> None:
    unit, text = read_unit(path), path.read_text()
    assert unit["NoNewPrivileges"] == ["true"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["StateDirectory"] == ["gancho"]
    assert "WantedBy=gancho.target" in text
    if kind_of(path) != "prepare":
        # The children of gunicorn and of Celery would die of a SIGTERM that is theirs to be told by their parent.
        assert unit["KillMode"] == ["mixed"]
        assert unit["Restart"] == ["on-failure"]
        assert "Requires=gancho-prepare.service" in text


@pytest.mark.parametrize("kind", ["dispatcher@", "worker@"])
def test_what_sends_is_given_the_time_to_finish(kind: str) -> None:
    from dispatch.dispatcher import RECORDING_SECONDS
    from portal.settings import PORTAL_OUTBOUND_DEADLINE_SECONDS

    [seconds] = read_unit(ROOT / "deploy" / "systemd" / f"gancho-{kind}.service")["TimeoutStopSec"]
    assert float(seconds) > PORTAL_OUTBOUND_DEADLINE_SECONDS + RECORDING_SECONDS


@pytest.mark.process
def test_systemd_finds_nothing_wrong_with_the_units(alone: Installation, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("systemd-analyze is not here: only a machine with systemd has it")
    # An instance of each template: systemd verifies what it could start.
    for path in [*UNITS, ROOT / "deploy" / "systemd" / "gancho.target"]:
        (tmp_path / path.name.replace("@.", "@one.")).write_text(alone.place(path.read_text()))
    found = subprocess.run(
        [program, "verify", "--man=no", "--recursive-errors=no", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.process
def test_nginx_takes_its_file_and_passes_requests_on(alone: Installation, tmp_path: Path) -> None:
    program = services.provide_nginx() or services.miss("nginx")
    port = services.free_port()
    words = [program, "-p", str(tmp_path), "-c", str(write_nginx(alone, tmp_path, port)), "-g", "daemon off;"]
    unit = read_unit(ROOT / "deploy" / "systemd" / "gancho-downloads.service")
    environment = alone.environment(unit)
    gunicorn = started(*alone.words(unit, environment), env=environment, log=tmp_path / "downloads.log")
    with gunicorn, started(*words, env={"PATH": os.environ["PATH"]}, log=tmp_path / "nginx.log"):
        wait_until(lambda: is_alive("downloads", alone.port, tmp_path), within=20, what="gunicorn")
        address = f"https://127.0.0.1:{port}"
        wait_until(lambda: fetch(f"{address}/d/nonsense"), what="nginx")
        # Gunicorn knows no such link; nobody outside sees the health pages or, but for X-Accel, the files.
        assert [fetch(f"{address}{path}") for path in ("/d/nonsense", "/health/live", "/files/x")] == [404, 403, 404]
        # There is no gunicorn for the pages in this test.
        assert fetch(f"{address}/") == 502


def write_nginx(installation: Installation, folder: Path, port: int) -> Path:
    """deploy/nginx with our paths and ports, in the http block of a private nginx."""
    pair = Authority().issue("127.0.0.1")
    (installation.folder / "tls").mkdir(exist_ok=True)
    (installation.folder / "tls" / "fullchain.pem").write_text(pair.certificate)
    (installation.folder / "tls" / "privkey.pem").write_text(pair.key)
    text = installation.place(NGINX.read_text())
    for before, after in (
        ("127.0.0.1:8000", f"127.0.0.1:{installation.port}"),
        ("127.0.0.1:8002", f"127.0.0.1:{installation.port + 2}"),
        ("listen 80;", f"listen 127.0.0.1:{services.free_port()};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
    ):
        assert before in text
        text = text.replace(before, after)
    # One process, as who runs the tests: no user to change to.
    around = (
        "pid nginx.pid; error_log stderr; master_process off; events {{}}\nhttp {{\naccess_log off;\n{0}\n{1}\n}}\n"
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(around.format(own, text))
    return folder / "nginx.conf"


def test_every_command_of_the_units_stands_in_a_procfile() -> None:
    """Two lists of the same: neither forgets a process that the other starts."""
    named = {line.partition(":")[0] for path in PROCFILES for line in path.read_text().splitlines() if line}
    assert named == {kind_of(path) for path in UNITS} - {"prepare"}
    assert manage("prepare")[-1] in read_unit(ROOT / "deploy" / "systemd" / "gancho-prepare.service")["ExecStart"][0]
