"""Tags in delivery headers (UNICO-30, UNICO-31): filled afresh, verified by the openssl command line."""

import base64
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from outbound.masking import MASK
from tests.certificates import KeyPair, self_signed
from tests.factories import make_connection, make_key_pair, make_participant, make_webhook, webhook_values
from tests.webhooks.test_sending import message, plan_of
from webhooks.drafts import make_draft
from webhooks.rules import find_request_problems
from webhooks.sending import PlanError, build_request, load_plans, redacted_headers
from webhooks.tags import make_signer, unknown_tags
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="module", params=["RSA", "EC"])
def pair(request: Any) -> KeyPair:
    return self_signed("client.example.com", kind=request.param)


def tagged_webhook(pair: KeyPair | None = None, **over: Any) -> Any:
    participant = make_participant()
    key_pair = make_key_pair(pair, participant=participant) if pair else make_key_pair(participant=participant)
    shared = make_connection(kind="jwt_7523", participant=participant, key_pair=key_pair)
    over.setdefault("headers", (HeaderValues("X-Signature", "{{signature}}", secret=False),))
    return make_webhook(
        participant=participant, auth_method="jwt", auth_settings={"connection": str(shared.uuid)}, **over
    )


def codes(value: str, **over: Any) -> list[tuple[str, str]]:
    values = webhook_values(headers=(HeaderValues("X-Tag", value, secret=False),), **over)
    return [(problem.field, problem.code) for problem in find_request_problems(make_draft(values, None))]


def openssl_verifies(certificate: str, signature: bytes, content: bytes, folder: Path) -> bool:
    (folder / "certificate.pem").write_text(certificate)
    (folder / "signature").write_bytes(signature)
    (folder / "content").write_bytes(content)
    key = subprocess.run(
        ["openssl", "x509", "-in", "certificate.pem", "-pubkey", "-noout"], cwd=folder, capture_output=True, check=True
    )
    (folder / "public.pem").write_bytes(key.stdout)
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "content"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def test_unico_30_openssl_verifies_the_signature_with_the_certificate(pair: KeyPair, tmp_path: Path) -> None:
    headers = (
        HeaderValues("X-Signature", "{{signature}}", secret=False),
        HeaderValues("X-Nonce", "{{nonce}}", secret=False),
        HeaderValues("X-Time", "{{timestamp}}", secret=False),
        HeaderValues("X-Algorithm", "{{algorithm}}", secret=False),
    )
    sent = message()
    got = dict(build_request(plan_of(tagged_webhook(pair, headers=headers)), sent, NOW).headers)
    assert got["X-Time"] == str(int(NOW.timestamp()))
    assert UUID(got["X-Nonce"]).version == 4
    assert got["X-Algorithm"] == {True: "RS256", False: "ES256"}[len(base64.b64decode(got["X-Signature"])) == 256]
    content = b".".join([got["X-Time"].encode(), got["X-Nonce"].encode(), sent.body])
    signature = base64.b64decode(got["X-Signature"], validate=True)
    assert openssl_verifies(pair.certificate, signature, content, tmp_path)
    assert not openssl_verifies(pair.certificate, signature, content + b" ", tmp_path)


def test_unico_31_tags_stand_in_the_midst_of_text_and_several_times() -> None:
    webhook = tagged_webhook(
        headers=(HeaderValues("X-Foo", "v1 t={{timestamp}};s={{ signature }};t2={{timestamp}}", False),)
    )
    value = dict(build_request(plan_of(webhook), message(), NOW).headers)["X-Foo"]
    first, signature, last = value.removeprefix("v1 ").split(";")
    assert (first, last) == (f"t={int(NOW.timestamp())}", f"t2={int(NOW.timestamp())}")
    assert base64.b64decode(signature.removeprefix("s="), validate=True)


def test_unico_30_every_attempt_has_a_nonce_and_a_signature_of_its_own() -> None:
    plan = plan_of(tagged_webhook(headers=(HeaderValues("X-Tag", "{{nonce}} {{signature}}", secret=False),)))
    sent = message()
    values = {dict(build_request(plan, sent, NOW).headers)["X-Tag"] for _ in range(5)}
    assert len(values) == 5


@pytest.mark.parametrize("value", ["{{sinature}}", "{{}}", "a {{Signature}} b", "{{signature}} {{x}}", "{{ signature"])
def test_unico_31_unknown_tags_are_refused_beside_their_header(value: str) -> None:
    assert ("headers.0.value", "tag_unknown") in codes(value)


@pytest.mark.parametrize("value", ["{nonce}", "nonce", '{"a": {"b": 1}}', "}}{"])
def test_what_is_no_tag_stays_as_it_is(value: str) -> None:
    assert list(unknown_tags(value)) == []
    assert codes(value) == []


@pytest.mark.parametrize("value", ["{{" + " " * 4_000 + "x", "{{ " * 1_300, "{{" + "x " * 1_000, "{{" + " " * 4_000])
def test_a_value_made_to_be_slow_is_judged_at_once(value: str) -> None:
    began = time.process_time()
    list(unknown_tags(value))
    codes(value)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("value", ["{{nonce}}" * 1_000, "{{x}}" * 2_000])
def test_a_value_that_is_too_long_is_not_looked_through_for_tags(value: str) -> None:
    assert codes(value) == [("headers.0.value", "header_value_too_long")]


def test_blanks_around_an_unknown_tag_are_not_shown() -> None:
    assert list(unknown_tags("{{  sinature  }}")) == ["sinature"]


def test_unico_30_tags_without_a_key_are_refused() -> None:
    secret: dict[str, Any] = {"auth_method": "secret", "auth_secrets": {"secret": "abc"}}
    assert codes("{{nonce}}") == [("headers.0.value", "tag_without_key")]
    assert codes("{{nonce}}", **secret) == [("headers.0.value", "tag_without_key")]
    keyless = make_connection(kind="jwt_7519")
    values = webhook_values(
        auth_method="jwt",
        auth_settings={"connection": str(keyless.uuid)},
        headers=(HeaderValues("X-Tag", "{{nonce}}", secret=False),),
    )
    problems = find_request_problems(make_draft(values, None, keyless.participant))
    assert [problem.code for problem in problems] == ["tag_without_key"]


def test_a_key_that_the_tags_can_not_be_signed_with_is_refused() -> None:
    participant = make_participant()
    odd = make_key_pair(self_signed("client.example.com", kind="Ed25519"), participant=participant)
    shared = make_connection(kind="jwt_7523", participant=participant, key_pair=odd)
    values = webhook_values(
        auth_method="jwt",
        auth_settings={"connection": str(shared.uuid)},
        headers=(HeaderValues("X-Tag", "{{nonce}}", secret=False),),
    )
    problems = find_request_problems(make_draft(values, None, participant))
    assert [problem.code for problem in problems] == ["tag_key_type"]


def test_a_value_that_becomes_too_long_once_filled_is_refused_when_saving() -> None:
    webhook = tagged_webhook()
    values = webhook_values(
        auth_method="jwt",
        auth_settings={"connection": str(webhook.connection.uuid)},
        headers=(HeaderValues("X-Tag", "{{signature}}" * 60, secret=False),),
    )
    problems = find_request_problems(make_draft(values, webhook))
    assert [(problem.field, problem.code) for problem in problems] == [("headers.0.value", "header_value_too_long")]


def test_filled_values_are_shown_and_secret_ones_stay_masked() -> None:
    headers = (HeaderValues("X-Open", "{{nonce}}", secret=False), HeaderValues("X-Hidden", "{{nonce}}"))
    plan = plan_of(tagged_webhook(headers=headers))
    request = build_request(plan, message(), timezone.now())
    shown = {header[0]: header[1] for header in redacted_headers(plan, request)}
    assert shown["X-Open"] == dict(request.headers)["X-Open"]
    assert shown["X-Hidden"] == MASK


def test_a_connection_that_lost_its_key_keeps_tags_from_going_out_as_text() -> None:
    webhook = tagged_webhook()
    webhook.connection.key_pair = None
    webhook.connection.save()
    plan = load_plans([webhook.pk])[webhook.pk]
    assert isinstance(plan, PlanError)
    assert (plan.code, plan.detail) == ("tags_without_key", "tag_without_key")


def test_x_3_the_signer_does_not_show_its_key(pair: KeyPair) -> None:
    signer = make_signer(pair.key)
    assert "PRIVATE" not in repr(signer)
    assert "key" not in repr(signer)
