"""Signatures, judged by the reference library of Standard Webhooks and by that of Svix."""

from datetime import UTC, datetime
from typing import Any

import pytest
import svix.webhooks
from standardwebhooks import Webhook as Reference
from standardwebhooks import WebhookVerificationError

from webhooks.signing import generate_secret, secret_key, sign

VERIFIERS = pytest.mark.parametrize(
    ("verifier", "refusal"),
    [(Reference, WebhookVerificationError), (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError)],
    ids=["standardwebhooks", "svix"],
)
BODY = b'{"Nome":"Carga Verificada"}'


def headers(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    now = int(datetime.now(UTC).timestamp())
    keys = tuple(secret_key(secret) for secret in secrets)
    signature = sign(keys, message_id="msg_1", timestamp=now, body=body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signature}


@VERIFIERS
def test_the_library_accepts_our_signature(verifier: Any, refusal: type[Exception]) -> None:
    secret = generate_secret()
    # It raises where it does not accept.
    verifier(secret).verify(BODY, headers(secret))


@VERIFIERS
def test_the_library_refuses_other_bytes_and_another_secret(verifier: Any, refusal: type[Exception]) -> None:
    secret = generate_secret()
    with pytest.raises(refusal):
        verifier(secret).verify(BODY + b" ", headers(secret))
    with pytest.raises(refusal):
        verifier(secret).verify(BODY, headers(generate_secret()))


@VERIFIERS
def test_both_secrets_sign_while_they_overlap(verifier: Any, refusal: type[Exception]) -> None:
    new, old = generate_secret(), generate_secret()
    verifier(old).verify(BODY, headers(new, old))
    verifier(new).verify(BODY, headers(new, old))


def test_our_signature_is_the_reference_librarys() -> None:
    secret, moment = generate_secret(), datetime(2026, 11, 19, 14, 32, tzinfo=UTC)
    expected = Reference(secret).sign("msg_1", moment, BODY.decode())
    timestamp = int(moment.timestamp())
    assert sign((secret_key(secret),), message_id="msg_1", timestamp=timestamp, body=BODY) == expected


def test_generated_secrets_differ_and_hold_32_bytes() -> None:
    first, second = generate_secret(), generate_secret()
    assert first != second
    assert len(secret_key(first)) == 32


@pytest.mark.parametrize("text", ["", "whsec_", "c2VjcmV0", "whsec_!!!!", "whsec_c2hvcnQ="])
def test_what_is_no_signing_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        secret_key(text)
