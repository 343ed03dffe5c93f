"""The recording receiver of the fault tests: every request is in its file before its answer is on the wire."""

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.processes import Oracle, header, wait_until

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with Oracle(tmp_path_factory.mktemp("oracle")) as running:
        yield running


@pytest.fixture
def connection(oracle: Oracle) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", oracle.port, timeout=1)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ok", {}, 200),
        ("/ok/w7", {}, 200),
        ("/status/410", {}, 410),
        ("/retry-after/120", {}, 429),
        ("/redirect/307?http%3A//127.0.0.1/", {}, 307),
        ("/token/abc%20d", {"Authorization": "abc d"}, 200),
        ("/token/abc", {"Authorization": "Bearer abc"}, 401),
        ("/basic/u/p", {"Authorization": "Basic dTpw"}, 200),
        ("/basic/u/p", {}, 401),
        ("/slow/0.01", {}, 200),
        ("/switch/none", {}, 200),
        ("/nowhere", {}, 404),
    ],
)
def test_the_path_alone_decides(connection: HTTPConnection, path: str, headers: dict[str, str], status: int) -> None:
    connection.request("POST", path, body="{}", headers=headers)
    assert connection.getresponse().status == status


@pytest.mark.parametrize("path", ["/reset", "/garbage", "/drip/10", "/hang"])
def test_the_bad_ones_give_no_answer(connection: HTTPConnection, path: str) -> None:
    connection.timeout = 0.2
    connection.request("POST", path)
    with pytest.raises((OSError, HTTPException)):
        connection.getresponse().read()


def test_requests_on_one_connection_are_recorded_before_the_answer(oracle: Oracle, connection: HTTPConnection) -> None:
    for number in range(3):
        connection.request(
            "POST", "/status/202/kept", body=f'{{"número": {number}}}'.encode(), headers={"webhook-id": "m"}
        )
        connection.getresponse().read()
        last = oracle.received("/status/202/kept")[-1]
        assert (last["method"], last["body"], header(last, "webhook-id")) == ("POST", f'{{"número": {number}}}', "m")
    assert [line["status"] for line in oracle.received("/status/202/kept")] == [202] * 3
    assert len({line["connection"] for line in oracle.received("/status/202/kept")}) == 1


def test_failures_are_counted_per_webhook_id(connection: HTTPConnection) -> None:
    statuses = []
    for key in ("a", "b", "a", "a", "b"):
        connection.request("POST", "/fail-then-ok/1", headers={"webhook-id": key})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    assert statuses == [500, 500, 200, 200, 200]


def test_it_downloads_the_file_inside_the_request(oracle: Oracle, connection: HTTPConnection) -> None:
    connection.request("POST", "/fetch-url", body=f'{{"url": "{oracle.url("/ok")}"}}')
    response = connection.getresponse()
    assert (response.status, response.read().split()[0]) == (200, b"2")


def test_a_gate_and_a_switch_are_moved_from_outside(oracle: Oracle, connection: HTTPConnection) -> None:
    oracle.switch("s", 503)
    connection.request("GET", "/switch/s")
    response = connection.getresponse()
    response.read()
    assert response.status == 503
    connection.request("GET", "/gate/g")
    waiting = wait_until(lambda: oracle.received("/gate/g"), what="the request")
    assert waiting[0]["status"] is None
    oracle.open_gate("g")
    assert connection.getresponse().status == 200


def test_lines_survive_a_half_written_one(tmp_path: Path) -> None:
    oracle = Oracle(tmp_path)
    oracle.record.write_text('{"n": 1, "target": "/ok"}\n{"answered": 1, "at": 2.0, "sta')
    assert oracle.lines() == [{"n": 1, "target": "/ok"}]
