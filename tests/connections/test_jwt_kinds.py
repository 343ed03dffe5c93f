"""JWT Bearer's two ways to a token (UNICO-21 to 29, 32, 33), and the headers and body of the token request."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from django.utils import timezone

from connections.actions import create_connection
from connections.errors import InvalidConnection
from connections.pages.wire import preview_request
from connections.tokens import obtain_token
from connections.values import TokenHeader
from tests.certificates import self_signed
from tests.connections.endpoint import PATH, VALUE, form_of, make_source, token_answer
from tests.factories import connection_values, make_connection, make_key_pair, make_participant
from tests.people import Person
from tests.receiver import Received, Receiver
from vault.sealed_json import to_json

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def ask(receiver: Receiver, **over: Any) -> Received:
    receiver.answer(PATH, token_answer())
    exchange = obtain_token(make_source(receiver, **over))
    assert exchange.token is not None, exchange.failure
    assert exchange.token.value == VALUE
    return receiver.requests()[-1]


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("EC", "ES256"), ("Ed25519", "EdDSA")])
def test_rfc_7523_sends_an_assertion_signed_with_the_certificates_key(
    receiver: Receiver, kind: str, algorithm: str
) -> None:
    """UNICO-22, UNICO-26, UNICO-27."""
    participant, pair = make_participant(), self_signed("client.example.com", kind=kind)
    key_pair = make_key_pair(pair, participant=participant)
    before = int(datetime.now(UTC).timestamp())
    request = ask(
        receiver, kind="jwt_7523", participant=participant, key_pair=key_pair, settings={"sub": "USR", "ver": "2"}
    )
    form = form_of(request)
    assert form.keys() == {"grant_type", "assertion"}
    assert form["grant_type"] == JWT_BEARER
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    url = receiver.url(PATH)
    claims = jwt.decode(form["assertion"], certificate.public_key(), algorithms=[algorithm], audience=url)
    assert claims.keys() == {"iss", "sub", "aud", "ver", "iat", "exp", "jti"}
    assert (claims["iss"], claims["sub"], claims["ver"], claims["aud"]) == ("USR", "USR", "2", url)
    assert before <= claims["iat"] <= before + 5
    assert claims["exp"] - claims["iat"] == 3600
    header = jwt.get_unverified_header(form["assertion"])
    digest = jwt.utils.base64url_encode(bytes.fromhex(key_pair.fingerprint)).decode()
    assert header == {"alg": algorithm, "typ": "JWT", "x5t#S256": digest}


@pytest.mark.parametrize(("minutes", "seconds"), [("1", 60), ("59", 3540), ("60", 3600), ("600", 3600)])
def test_the_assertion_lives_as_long_as_the_token_may_an_hour_at_most(
    receiver: Receiver, minutes: str, seconds: int
) -> None:
    request = ask(receiver, kind="jwt_7523", settings={"token_minutes": minutes})
    claims = jwt.decode(form_of(request)["assertion"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == seconds


def test_issuer_and_audience_may_be_given(receiver: Receiver) -> None:
    request = ask(receiver, kind="jwt_7523", settings={"issuer": "me", "audience": "https://as.example.com"})
    claims = jwt.decode(form_of(request)["assertion"], options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == ("me", "https://as.example.com")


def test_the_body_of_rfc_7523_is_merged_as_fields(receiver: Receiver) -> None:
    """UNICO-29: it may also be empty, as in the tests above."""
    request = ask(receiver, kind="jwt_7523", secrets={"body": '{"scope": "all", "n": 1}'})
    form = form_of(request)
    assert (form["scope"], form["n"], form["grant_type"]) == ("all", "1", JWT_BEARER)


def test_rfc_7519_sends_the_body_as_it_was_typed(receiver: Receiver) -> None:
    """UNICO-33."""
    typed = '{ "user":"USR_UNICO",\n  "password":"senhá1234"}'
    request = ask(receiver, kind="jwt_7519", secrets={"body": typed})
    assert request.body == typed.encode()
    assert request.header("Content-Type") == "application/json"
    assert request.header("Authorization") is None


def test_a_token_header_may_name_another_content_type(receiver: Receiver) -> None:
    headers = (TokenHeader("content-type", "application/vnd.api+json", secret=False),)
    request = ask(receiver, kind="jwt_7519", headers=headers)
    assert request.all_of("Content-Type") == ["application/vnd.api+json"]


@pytest.mark.parametrize("kind", ["jwt_7523", "jwt_7519"])
def test_headers_of_the_token_request_are_sent_with_it(receiver: Receiver, kind: str) -> None:
    """UNICO-28: here the half that concerns the token endpoint."""
    headers = (TokenHeader("X-Tenant", "blue", secret=False), TokenHeader("Authorization", "Key abcdefgh"))
    request = ask(receiver, kind=kind, headers=headers)
    assert (request.header("X-Tenant"), request.header("Authorization")) == ("blue", "Key abcdefgh")


@pytest.mark.parametrize("kind", ["jwt_7523", "jwt_7519"])
def test_a_token_is_used_for_the_time_that_was_entered(receiver: Receiver, kind: str) -> None:
    """UNICO-25: minutes, and never past what the answer says."""
    receiver.answer(PATH, token_answer(expires_in=None), token_answer(expires_in=60))
    source = make_source(receiver, kind=kind, settings={"token_minutes": "2"})
    first, second = obtain_token(source).token, obtain_token(source).token
    assert first is not None
    assert second is not None
    assert first.expires_at == first.refresh_at == first.obtained_at + timedelta(minutes=2)
    assert second.expires_at == second.obtained_at + timedelta(minutes=1)


@pytest.mark.parametrize("field", ["token_url", "sub", "ver", "key_pair"])
def test_rfc_7523_cannot_do_without_its_mandatory_fields(owner: Person, field: str) -> None:
    """UNICO-32."""
    key_pair = make_key_pair(participant=owner.participant)
    over: dict[str, Any] = {"settings": {field: ""}} if field in ("sub", "ver") else {field: ""}
    values = connection_values(
        kind="jwt_7523", **{"key_pair": key_pair} | over | ({"key_pair": None} if field == "key_pair" else {})
    )
    assert _refusals(owner, values) == [(field, "required")]


@pytest.mark.parametrize("minutes", ["0", "1441", "-1", "1.5", "soon", "٣", "9" * 30])
def test_the_tokens_time_is_a_whole_number_of_minutes_up_to_a_day(owner: Person, minutes: str) -> None:
    """UNICO-25."""
    values = connection_values(kind="jwt_7519", settings={"token_minutes": minutes})
    assert _refusals(owner, values) == [("token_minutes", "range")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "required"),
        ("user=a&password=b", "malformed"),
        ('"user":"USR_UNICO", "password":"senha1234"}', "malformed"),
        ('["user", "password"]', "malformed"),
        ("{}", "user_and_password"),
        ('{"user": "USR"}', "user_and_password"),
        ('{"user": "USR", "password": ""}', "user_and_password"),
        ('{"password": "x"}', "user_and_password"),
        ('{"user": "USR", "password": " ", "remember": true, "more": {"x": null, "y": []}}', "user_and_password"),
        ('{"user": "a\\ud800", "password": "x"}', "unprintable"),
        ('{"a":' * 1_500, "malformed"),
        ("[" * 8_000, "malformed"),
        *(('{"a":' * depth + "1" + "}" * depth, None) for depth in range(600, 1_000, 50)),
        ("[" * 8_001, "too_long"),
    ],
)
def test_rfc_7519_needs_a_json_object_with_user_and_password(owner: Person, body: str, code: str | None) -> None:
    """UNICO-33: an empty body is refused. How deep is too deep to read is Python's to say (`code` None)."""
    [(field, found)] = _refusals(owner, connection_values(kind="jwt_7519", secrets={"body": body}))
    assert (field, found) == ("body", code or found)
    assert code or found in ("malformed", "user_and_password")


@pytest.mark.parametrize(
    "body",
    [
        {"user": "USR_UNICO", "password": "senha1234"},
        {"usuario": "a", "senha": "b"},
        {"username": "a", "password": "b", "tenant": "c"},
        {"email": "a@b.test", "pwd": "b"},
        {"clientId": "a", "clientSecret": "b"},
        {"login": "a", "passwd": "b"},
        {"usr": "a", "pwd": "b"},
        {"credentials": {"user": "a", "password": "b"}},
        {"operador": "a", "contraseña": "b"},
        {"user": 4711, "pin": 1234},
    ],
)
def test_user_and_password_may_have_any_names(owner: Person, body: dict[str, Any]) -> None:
    values = connection_values(kind="jwt_7519", secrets={"body": json.dumps(body)})
    assert create_connection(owner.participant, values=values, by=owner.actor).kind == "jwt_7519"


def test_rfc_7519_does_without_certificate_sub_and_ver(owner: Person) -> None:
    """UNICO-33."""
    made = create_connection(owner.participant, values=connection_values(kind="jwt_7519"), by=owner.actor)
    assert made.key_pair is None
    assert made.settings.keys() == {"token_minutes", "headers"}


def test_secrets_of_the_token_request_are_masked_in_what_is_kept(receiver: Receiver) -> None:
    receiver.answer(PATH, token_answer())
    headers = (TokenHeader("X-Key", "hidden-value-1"),)
    source = make_source(receiver, kind="jwt_7519", headers=headers)
    told = json.dumps(obtain_token(source).exchange, ensure_ascii=False) + repr(source)
    assert [secret for secret in ("senha1234", "USR_UNICO", "hidden-value-1", VALUE) if secret in told] == []
    assert {"senha1234", "USR_UNICO", "hidden-value-1"} <= set(source.secret_values)


def _refusals(owner: Person, values: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidConnection) as refused:
        create_connection(owner.participant, values=values, by=owner.actor)
    return [(problem.field, problem.code) for problem in refused.value.problems]


def test_a_body_that_nobody_could_read_is_left_out_of_the_preview() -> None:
    """An older row may hold what is refused today."""
    connection = make_connection(kind="jwt_7519")
    connection.secrets = to_json({"body": '{"a":' * 1_500})
    assert preview_request(connection, timezone.now()).body == ""
