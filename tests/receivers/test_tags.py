"""UNICO-30: the samples that check signed headers, asked with signatures that the openssl command made: two of the
documentation, and the one in Java that the product writes for a webhook."""

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import Webhook as Signer

from tests.certificates import KeyPair, self_signed
from tests.receivers.samples import Running, running, running_file
from tests.services import miss, provide_openssl
from webhooks.samples.languages import LANGUAGES
from webhooks.samples.recipe import TAGS, Recipe
from webhooks.samples.writing import write_sample
from webhooks.signing import generate_secret

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]

BODY = b'{"Nome": "Prices"}'
SECRET = generate_secret()
NAMES = {f"{name.upper()}_HEADER": f"X-{name.title()}" for name in ("signature", "nonce", "timestamp")}
Sign = Callable[..., dict[str, str]]


class Both(Running):
    """A sample that the product writes wants our signature besides."""

    def post(self, headers: dict[str, str], body: bytes) -> int:
        now = datetime.now(UTC)
        ours = {
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Signer(SECRET).sign(headers["webhook-id"], now, body.decode()),
        }
        return super().post(headers | ours, body)


@pytest.fixture(scope="module", params=["RSA", "EC"])
def pair(request: pytest.FixtureRequest) -> KeyPair:
    return self_signed("participant.example", kind=request.param)


@pytest.fixture(scope="module", params=["python", "node", "java"])
def sample(
    request: pytest.FixtureRequest, pair: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    (folder / "certificate.pem").write_text(pair.certificate)
    settings = {"WEBHOOK_CERTIFICATE": str(folder / "certificate.pem")}
    if request.param != "java":
        with running(request.param, folder, **settings) as found:
            yield found
    else:
        with running_written(request.param, folder, settings | {"WEBHOOK_SECRET": SECRET}) as found:
            yield Both(found.port, found.folder, found.stops)


def running_written(name: str, folder: Path, settings: dict[str, str]) -> AbstractContextManager[Running]:
    """The sample of a webhook whose headers are signed, and that has no other authentication."""
    file = folder / LANGUAGES[name].file_name
    file.write_text(write_sample(LANGUAGES[name], Recipe(frozenset({TAGS}), NAMES)))
    return running_file(name, file, folder, **settings)


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
