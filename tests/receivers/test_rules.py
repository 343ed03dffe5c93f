"""ONS-21: what the sample receivers teach. Notifications signed by the standardwebhooks package, posted by hand."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import Webhook as Signer

from tests.receiver import Answer, Raw, Receiver
from tests.receivers.samples import SAMPLES, Running, running

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + b64encode(bytes(range(1, 33))).decode()


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    with running(request.param, folder, WEBHOOK_SECRET=SECRET) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_half_done_stays(sample: Running) -> Iterator[None]:
    yield
    assert [name for name in sample.kept() if name.endswith(".part")] == []


def new_id() -> str:
    return f"msg_{uuid4()}"


def notification(link: str = "", **over: Any) -> bytes:
    return json.dumps({"Nome": "Preços", "Uri": link, "url": link} | over).encode()


def signed(message_id: str, body: bytes, *, secret: str = SECRET, age: float = 0) -> dict[str, str]:
    moment = datetime.now(UTC) - timedelta(seconds=age)
    signature = Signer(secret).sign(message_id, moment, body.decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


def of(sample: Running, message_id: str) -> set[str]:
    """What was kept of one notification."""
    return {name.removeprefix(f"{message_id}.") for name in sample.kept() if name.startswith(message_id)}


def test_a_file_that_is_announced_is_kept_before_the_answer(sample: Running, receiver: Receiver) -> None:
    receiver.answer("/file", Answer(200, b"hour;price\n"))
    message_id, body = new_id(), notification(receiver.url("/file"))
    assert 200 <= sample.post(signed(message_id, body), body) < 300
    assert sample.kept()[f"{message_id}.json"] == body
    assert sample.kept()[f"{message_id}.data"] == b"hour;price\n"


def test_a_changed_body_a_foreign_secret_an_old_signature_and_none_are_refused(sample: Running) -> None:
    message_id, body = new_id(), notification()
    right = signed(message_id, body)
    refused = [
        (right, body.replace(b"Pre", b"pre")),
        (right | {"webhook-id": new_id()}, body),
        (right | {"webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)}, body),
        (right | {"webhook-timestamp": "tomorrow"}, body),
        (signed(message_id, body, secret=OLD_SECRET), body),
        (signed(message_id, body, age=600), body),
        (signed(message_id, body, age=-600), body),
        (right | {"webhook-signature": ""}, body),
        ({}, body),
    ]
    assert [sample.post(headers, sent) for headers, sent in refused] == [401] * len(refused)
    assert of(sample, message_id) == set()
    # The same without a change is right: it was the changes that were refused.
    assert 200 <= sample.post(right, body) < 300


def test_while_a_secret_is_replaced_either_signature_counts(sample: Running) -> None:
    for order in (1, -1):
        message_id, body = new_id(), notification()
        signatures = [signed(message_id, body, secret=secret)["webhook-signature"] for secret in (SECRET, OLD_SECRET)]
        headers = signed(message_id, body) | {"webhook-signature": " ".join(signatures[::order])}
        assert 200 <= sample.post(headers, body) < 300


def test_a_notification_that_comes_twice_is_processed_once(sample: Running, receiver: Receiver) -> None:
    message_id, body = new_id(), notification(receiver.url("/file"))
    for _ in range(2):
        assert 200 <= sample.post(signed(message_id, body), body) < 300
    assert len(receiver.requests("/file")) == 1


@pytest.mark.parametrize(
    "failure",
    [Answer(404), Answer(500), Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it"), Raw()],
    ids=["link gone", "server error", "cut off", "no HTTP"],
)
def test_what_was_not_fetched_is_not_answered_with_success(sample: Running, receiver: Receiver, failure: Any) -> None:
    receiver.answer("/file", failure)
    message_id, body = new_id(), notification(receiver.url("/file"))
    assert sample.post(signed(message_id, body), body) >= 500
    assert of(sample, message_id) == set()
    receiver.answer("/file", Answer(200, b"whole"))
    assert 200 <= sample.post(signed(message_id, body), body) < 300
    assert of(sample, message_id) == {"json", "data"}


def test_an_event_without_a_file_is_kept_too(sample: Running) -> None:
    message_id = new_id()
    body = json.dumps({"client-transaction": [{"idtransaction": 1, "idcliente": "01400-2", "valorpago": 10}]}).encode()
    assert 200 <= sample.post(signed(message_id, body), body) < 300
    assert of(sample, message_id) == {"json"}


@pytest.mark.parametrize("message_id", ["../outside", "a/b", "a.b", "x" * 101])
def test_an_id_that_is_no_file_name_is_refused(sample: Running, message_id: str) -> None:
    before, body = sample.kept(), notification()
    assert sample.post(signed(message_id, body), body) == 400
    assert sample.kept() == before
    assert {path.name for path in sample.folder.parent.iterdir()} == {"log", "received"}


def test_a_link_that_leads_into_the_machine_is_not_followed(sample: Running) -> None:
    message_id, body = new_id(), notification("file:///etc/hostname")
    assert sample.post(signed(message_id, body), body) >= 500
    assert of(sample, message_id) == set()
