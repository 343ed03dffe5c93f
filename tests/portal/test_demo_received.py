"""The page that shows what the demo receiver has received, and the receiver itself."""

import base64
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from access.actors import Actor
from connections.run import run_connection
from portal.demo import make_demo
from portal.demo_received import SHOWN, read_last
from portal.demo_receiver import CLIENT_ID, CLIENT_SECRET, make_server
from tests.people import Person
from tests.receiver import Answer, Receiver
from webhooks.models import Webhook

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
    assert "what the webhooks of every organisation of this demonstration send" in page
    fragment = owner.client.get("/demo/received/", headers={"HX-Request": "true"}).content.decode()
    assert "msg_1" in fragment
    assert "<html" not in fragment
    newest = read_last(record)[0].at
    assert newest is not None
    again = owner.client.get(f"/demo/received/?seen={quote(newest.isoformat())}", headers={"HX-Request": "true"})
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


def test_token_endpoint_knows_its_client_and_what_it_gave(demo: HTTPConnection) -> None:
    def post(path: str, authorization: str = "") -> tuple[int, bytes]:
        demo.request("POST", path, body=b"{}", headers={"Authorization": authorization} if authorization else {})
        answer = demo.getresponse()
        return answer.status, answer.read()

    assert post("/protected/in")[0] == 401
    assert post("/protected/in", "Bearer made-up")[0] == 401
    assert post("/token", "Basic d3Jvbmc6c2VjcmV0") == (401, b'{"error": "invalid_client"}')
    known = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    status, body = post("/token", f"Basic {known}")
    assert status == 200
    assert post("/protected/in", f"Bearer {json.loads(body)['access_token']}")[0] == 200


def test_demo_gets_its_token_by_a_connection_and_is_let_in(demo: HTTPConnection, db: None, loopback: None) -> None:
    make_demo(f"http://127.0.0.1:{demo.port}")
    webhook = Webhook.objects.get(auth_method="oauth2")
    connection = webhook.connection
    assert connection is not None

    run = run_connection(connection, arguments={}, by=Actor.system("test"))

    assert (run.succeeded, run.response_status) == (True, 200)
    assert webhook.product_subscriptions.count() == 3
