"""The page that shows what the demo receiver has received, and the receiver itself."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from portal.demo_received import SHOWN, read_last
from portal.demo_receiver import make_server
from tests.people import Person
from tests.receiver import Answer, Receiver

LINE = {"at": "2026-11-20T12:00:00.000+00:00", "path": "/hooks/a", "status": 200, "headers": [["webhook-id", "msg_1"]]}


@pytest.fixture
def record(settings: Any, tmp_path: Path) -> Path:
    settings.PORTAL_HOME = tmp_path
    settings.PORTAL_DEMO_RECEIVER_URL = "http://127.0.0.1:8001"
    return tmp_path / "received.jsonl"


@pytest.fixture
def demo(tmp_path: Path, receiver: Receiver) -> Iterator[HTTPConnection]:
    """A running demo receiver that may download from `receiver` only."""
    server = make_server(0, record=tmp_path / "received.jsonl", downloads=receiver.url("/d/"))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    yield connection
    connection.close()
    server.shutdown()
    server.server_close()


def test_newest_first_and_only_the_last_ones(record: Path) -> None:
    lines = [json.dumps(LINE | {"body": str(number)}) for number in range(SHOWN + 5)]
    record.write_text("\n".join([*lines, '{"half a line'] if lines else []))
    received = read_last(record)
    assert [request.body for request in received] == [str(number) for number in range(SHOWN + 4, 4, -1)]


def test_nothing_received_is_no_error(tmp_path: Path) -> None:
    assert read_last(tmp_path / "none.jsonl") == []


def test_the_page_shows_header_body_and_download(record: Path, owner: Person) -> None:
    record.write_text(json.dumps(LINE | {"body": '{"Nome":"<b>Preços"}', "download": "5 bytes, SHA-256 abc"}) + "\n")
    page = owner.client.get("/demo/received/").content.decode()
    assert "msg_1" in page
    assert "&lt;b&gt;Preços" in page
    assert "5 bytes, SHA-256 abc" in page
    fragment = owner.client.get("/demo/received/", headers={"HX-Request": "true"}).content.decode()
    assert "msg_1" in fragment
    assert "<html" not in fragment
    again = owner.client.get(
        f"/demo/received/?seen={quote(read_last(record)[0].at.isoformat())}", headers={"HX-Request": "true"}
    )
    assert again.status_code == 204


def test_an_empty_record_says_what_to_do(record: Path, owner: Person) -> None:
    assert "Nothing received yet" in owner.client.get("/demo/received/").content.decode()


def test_where_no_demo_receiver_runs_there_is_no_page(owner: Person, client: Client) -> None:
    assert owner.client.get("/demo/received/").status_code == 404
    assert client.get("/demo/received/").status_code == 302
    assert owner.client.post("/demo/received/").status_code == 405


def test_it_downloads_what_the_body_names_before_it_answers(
    demo: HTTPConnection, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer("/d/token", Answer(200, b"12345"))
    demo.request("POST", "/hooks/a", body=json.dumps({"data": {"url": receiver.url("/d/token")}}))
    assert demo.getresponse().status == 200
    line = json.loads((tmp_path / "received.jsonl").read_text())
    assert line["download"].startswith("5 bytes, SHA-256 5994471abb01112afcc1")


@pytest.mark.parametrize("body", ["", "no json", "[1]", '{"url": 5}', '{"url": "http://127.0.0.1:1/x"}', '{"data": 1}'])
def test_it_fetches_nothing_else_and_takes_anything(demo: HTTPConnection, receiver: Receiver, body: str) -> None:
    demo.request("POST", "/hooks/a", body=body)
    assert demo.getresponse().status == 200
    assert receiver.requests() == []


def test_one_path_is_out_of_order(demo: HTTPConnection) -> None:
    demo.request("POST", "/unavailable", body="{}")
    assert demo.getresponse().status == 503
