"""The foreign servers of Python and nginx as processes, and what each wrote down."""

import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests import services
from tests.processes import ROOT, portal_environment, started, wait_until

LIFETIME_SECONDS = 600


@dataclass(frozen=True)
class Running:
    """A server that listens: where, and the file with a line for each request."""

    name: str
    port: int
    log: Path
    configuration: Mapping[str, Any]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def lines(self, path: str = "") -> list[dict[str, Any]]:
        """What came so far, complete lines only; of `path` only where one is given."""
        text, _, _ = self.log.read_text().rpartition("\n")
        found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in found if path in ("", line.get("path"))]


@contextmanager
def _running(name: str, folder: Path, configuration: Mapping[str, Any]) -> Iterator[Running]:
    port = services.free_port()
    file = folder / f"{name}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"port": port, **configuration}))
    running = Running(name, port, folder / f"{name}.log", configuration)
    env = {key: value for key, value in portal_environment(folder).items() if key in ("PATH", "LANG", "TMPDIR")}
    words = (sys.executable, str(ROOT / "tests" / "servers" / f"{name}.py"), str(file))
    with started(*words, env=env | {"PYTHONUNBUFFERED": "1"}, log=running.log) as process:

        def answers() -> bool:
            assert process.poll() is None, running.log.read_text()
            return _answers(port)

        wait_until(answers, within=30, what=name)
        yield running


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/nothing")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def running_jwt_bearer(folder: Path, *, audience: str, clients: Mapping[str, Any]) -> Iterator[Running]:
    """Authlib's JWT bearer grant. `clients`: issuer -> {"jwk": ..., "subjects": [...]}."""
    with _running("jwt_bearer", folder, {"audience": audience, "clients": clients}) as running:
        yield running


@contextmanager
def running_simple_jwt(folder: Path, *, user: str, password: str) -> Iterator[Running]:
    """Simple JWT, with one user."""
    asked = {"user": user, "password": password, "lifetime": LIFETIME_SECONDS, "key": secrets.token_hex(32)}
    with _running("simple_jwt", folder, asked) as running:
        yield running
