"""UNICO-30: the samples that check signed headers, asked with signatures that the openssl command made."""

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.certificates import KeyPair, self_signed
from tests.receivers.samples import Running, running
from tests.services import miss, provide_openssl

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]

BODY = b'{"Nome": "Prices"}'
Sign = Callable[..., dict[str, str]]


@pytest.fixture(scope="module", params=["RSA", "EC"])
def pair(request: pytest.FixtureRequest) -> KeyPair:
    return self_signed("participant.example", kind=request.param)


@pytest.fixture(scope="module", params=["python", "node"])
def sample(
    request: pytest.FixtureRequest, pair: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    (folder / "certificate.pem").write_text(pair.certificate)
    with running(request.param, folder, WEBHOOK_CERTIFICATE=str(folder / "certificate.pem")) as found:
        yield found


@pytest.fixture
def sign(pair: KeyPair, tmp_path: Path) -> Sign:
    """The headers that sign a body, made by the openssl command."""
    openssl = provide_openssl() or miss("openssl")

    def make(body: bytes = BODY, *, key: str = pair.key, age: float = 0, nonce: str = "") -> dict[str, str]:
        (tmp_path / "key.pem").write_text(key)
        nonce, timestamp = nonce or str(uuid4()), str(int(time.time() - age))
        words = [openssl, "dgst", "-sha256", "-sign", str(tmp_path / "key.pem")]
        content = f"{timestamp}.{nonce}.".encode() + body
        signature = subprocess.run(words, input=content, capture_output=True, check=True).stdout
        return {
            "webhook-id": f"msg_{uuid4()}",
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Signature": base64.b64encode(signature).decode(),
        }

    return make


def test_what_the_certificates_key_signed_is_let_in_and_once_only(sample: Running, sign: Sign) -> None:
    headers = sign()
    assert sample.post(headers, BODY) == 204
    assert sample.post(headers | {"webhook-id": f"msg_{uuid4()}"}, BODY) == 401
    assert sample.post(sign(), BODY) == 204


def test_another_body_key_time_or_nonce_is_refused(sample: Running, sign: Sign) -> None:
    right = sign()
    refused = {
        "nothing": {"webhook-id": "msg_1"},
        "another body": sign(BODY + b" "),
        "another key": sign(key=self_signed("somebody.example").key),
        "old": sign(age=600),
        "of tomorrow": sign(age=-600),
        "another nonce": right | {"X-Nonce": str(uuid4())},
        "another time": right | {"X-Timestamp": str(int(right["X-Timestamp"]) + 1)},
        "no time": right | {"X-Timestamp": "now"},
        "no base64": right | {"X-Signature": "!" + right["X-Signature"][1:]},
        "cut off": right | {"X-Signature": right["X-Signature"][:-8]},
    }
    assert {name: sample.post(headers, BODY) for name, headers in refused.items()} == dict.fromkeys(refused, 401)
    # It was the changes that were refused.
    assert sample.post(right, BODY) == 204
