"""The download workers as a process of their own (ONS-19)."""

import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.processes import manage, portal_environment, run, started, wait_until
from tests.services import free_port

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

SEED = """
from django.utils import timezone
from catalog.links import download_url
from tests.factories import make_delivery, make_event, make_publication
publication = make_publication(content=b"hour;price\\n1;7\\n")
delivery = make_delivery(event=make_event(publication=publication))
print(download_url(publication, delivery_uuid=delivery.uuid, issued_at=timezone.now()))
"""

BLOCK = """
from django.utils import timezone
from access.models import Participant
Participant.objects.update(blocked_at=timezone.now(), blocked_reason="contract ended")
"""


@pytest.fixture
def port() -> int:
    return free_port(neighbours=2)


@pytest.fixture
def link(tmp_path: Path, port: int) -> Iterator[str]:
    """The path of a signed link, while the download workers run."""
    env = portal_environment(tmp_path, PORT=str(port), PORTAL_DOWNLOAD_BASE_URL=f"http://127.0.0.1:{port + 2}")
    assert run(*manage("migrate", "-v0"), env=env).returncode == 0
    seeded = run(*manage("shell", "-v0", "-c", SEED), env=env)
    assert seeded.returncode == 0, seeded.stderr
    words = (sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn_downloads", "portal.download_wsgi")
    with started(*words, env=env, log=tmp_path / "log") as process:
        wait_until(lambda: _answers(process, port + 2), within=30, what="the download workers")
        yield seeded.stdout.strip().removeprefix(f"http://127.0.0.1:{port + 2}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None
    try:
        return fetch(port, "/health/live").status == 200
    except OSError:
        return False


def fetch(port: int, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_they_serve_the_bytes_and_nothing_of_the_portal(link: str, port: int) -> None:
    answer = fetch(port + 2, link)
    assert (answer.status, answer.read()) == (200, b"hour;price\n1;7\n")
    assert answer.getheader("Set-Cookie") is None
    assert answer.getheader("Vary") is None
    part = fetch(port + 2, link, Range="bytes=0-3")
    assert (part.status, part.read()) == (206, b"hour")
    head = fetch(port + 2, link, "HEAD")
    assert (head.status, head.read(), head.getheader("Content-Length")) == (200, b"", "15")
    for path in ("/", "/accounts/login/", "/admin/", "/publications/", f"{link}x"):
        refused = fetch(port + 2, path)
        assert (refused.status, refused.read()) == (404, b"Not found\n"), path


def test_they_serve_nothing_to_a_blocked_participant(link: str, port: int, tmp_path: Path) -> None:
    assert fetch(port + 2, link).status == 200
    blocked = run(*manage("shell", "-v0", "-c", BLOCK), env=portal_environment(tmp_path))
    assert blocked.returncode == 0, blocked.stderr
    refused = fetch(port + 2, link)
    assert (refused.status, refused.read()) == (404, b"Not found\n")
