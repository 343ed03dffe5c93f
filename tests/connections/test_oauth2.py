"""OAuth 2.0 client credentials: what goes over the wire for each client authentication (CERC-17 to 22)."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt
import pytest
from cryptography import x509
from django.conf import settings as django_settings

from connections.actions import create_connection
from connections.client_auth.registry import METHODS
from connections.errors import InvalidConnection
from connections.failures import TokenFailure
from connections.tokens import obtain_token
from connections.values import TokenHeader
from tests.certificates import Authority, self_signed, server_context
from tests.connections.endpoint import PATH, VALUE, basic_of, form_of, json_answer, make_source, token_answer
from tests.factories import SECRET, connection_values, make_connection, make_key_pair, make_participant
from tests.people import Person
from tests.receiver import Answer, Received, Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]


def ask(receiver: Receiver, **over: Any) -> Received:
    """Obtain a token and return the one request that was made for it."""
    receiver.answer(PATH, token_answer())
    exchange = obtain_token(make_source(receiver, **over))
    assert exchange.token is not None, exchange.failure
    assert exchange.token.value == VALUE
    [request] = receiver.requests()
    return request


def test_the_token_url_gets_a_form_with_the_grant_and_the_scope(receiver: Receiver) -> None:
    """CERC-18, CERC-20."""
    request = ask(receiver, settings={"scope": "notify read:all"})
    assert (request.method, request.target) == ("POST", PATH)
    assert form_of(request) == {"grant_type": "client_credentials", "scope": "notify read:all"}
    assert request.header("Content-Type") == "application/x-www-form-urlencoded"
    assert request.header("Accept") == "application/json"
    assert request.header("User-Agent") == f"Gancho/{django_settings.PORTAL_VERSION}"


def test_client_secret_basic_sends_both_values_as_they_are(receiver: Receiver) -> None:
    """CERC-19, CERC-21, CERC-22."""
    request = ask(receiver, settings={"client_id": "id of 1/2%ção"}, secrets={"client_secret": "s:e+c%rét"})
    assert basic_of(request) == "id of 1/2%ção:s:e+c%rét"
    assert "client_id" not in form_of(request)


def test_client_secret_basic_form_encoded_follows_rfc_6749(receiver: Receiver) -> None:
    """CERC-19."""
    chosen = {"auth_type": "client_secret_basic_encoded", "client_id": "id:of 1/2%ção"}
    request = ask(receiver, settings=chosen, secrets={"client_secret": "s:e+c%rét"})
    written_id, _colon, written_secret = basic_of(request).partition(":")
    assert (unquote_plus(written_id), unquote_plus(written_secret)) == ("id:of 1/2%ção", "s:e+c%rét")
    assert written_id == "id%3Aof+1%2F2%25%C3%A7%C3%A3o"


def test_client_secret_post_sends_fields_and_no_authorization(receiver: Receiver) -> None:
    """CERC-19."""
    request = ask(receiver, settings={"auth_type": "client_secret_post"})
    wanted = {"grant_type": "client_credentials", "client_id": "client-1", "client_secret": SECRET}
    assert form_of(request) == wanted
    assert request.header("Authorization") is None


def test_client_secret_jwt_signs_with_the_secret_and_does_not_send_it(receiver: Receiver) -> None:
    """CERC-19."""
    request = ask(receiver, settings={"auth_type": "client_secret_jwt"})
    form = form_of(request)
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    url = receiver.url(PATH)
    claims = jwt.decode(form["client_assertion"], SECRET, algorithms=["HS256"], audience=url)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-1", "client-1", url)
    assert claims["exp"] - claims["iat"] == 60
    assert SECRET not in request.head.decode() + request.body.decode()


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("EC", "ES256"), ("Ed25519", "EdDSA")])
def test_private_key_jwt_is_signed_with_the_certificates_key(receiver: Receiver, kind: str, algorithm: str) -> None:
    """CERC-19."""
    pair, participant = self_signed("client.example.com", kind=kind), make_participant()
    chosen = {"auth_type": "private_key_jwt", "assertion_audience": "https://issuer.example.com", "key_id": "k-7"}
    key_pair = make_key_pair(pair, participant=participant)
    request = ask(receiver, participant=participant, settings=chosen, key_pair=key_pair)
    form, key = form_of(request), x509.load_pem_x509_certificate(pair.certificate.encode()).public_key()
    claims = jwt.decode(form["client_assertion"], key, algorithms=[algorithm], audience="https://issuer.example.com")
    assert (claims["iss"], claims["sub"]) == ("client-1", "client-1")
    header = jwt.get_unverified_header(form["client_assertion"])
    assert (header["alg"], header["typ"], header["kid"]) == (algorithm, "JWT", "k-7")
    assert "client_secret" not in form
    assert request.header("Authorization") is None


def test_every_assertion_has_a_number_of_its_own(receiver: Receiver) -> None:
    """Two within one second, and repeats, must not collide: servers take a jti once."""
    source = make_source(receiver, settings={"auth_type": "client_secret_jwt"})
    receiver.answer(PATH, token_answer())
    for _ in range(20):
        obtain_token(source)
    assertions = [form_of(request)["client_assertion"] for request in receiver.requests()]
    numbers = {jwt.decode(each, options={"verify_signature": False})["jti"] for each in assertions}
    assert len(numbers) == 20


@pytest.mark.parametrize("auth_type", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_a_client_certificate_is_presented_when_the_connection_is_made(auth_type: str) -> None:
    """CERC-19."""
    authority, participant = Authority(), make_participant()
    pair = authority.issue("client.example.com", client=True)
    server = server_context(authority.issue("127.0.0.1"), client_ca=authority.pem)
    with Receiver(tls=server) as receiver:
        key_pair = make_key_pair(pair, participant=participant)
        chosen = {"settings": {"auth_type": auth_type}, "private_ca": authority.pem, "key_pair": key_pair}
        request = ask(receiver, participant=participant, **chosen)
    assert form_of(request) == {"grant_type": "client_credentials", "client_id": "client-1"}
    assert request.header("Authorization") is None


def test_without_a_client_certificate_that_server_is_not_reached() -> None:
    """What shows that the test above proves something."""
    authority = Authority()
    server = server_context(authority.issue("127.0.0.1"), client_ca=authority.pem)
    with Receiver(tls=server) as receiver:
        source = make_source(receiver, settings={"auth_type": "client_secret_post"}, private_ca=authority.pem)
        exchange = obtain_token(source)
        assert isinstance(exchange.failure, TokenFailure)
        assert exchange.failure.code in ("token_tls", "token_no_answer")
        assert receiver.requests() == []


def test_audience_details_headers_and_body_are_sent_with_the_token_request(receiver: Receiver) -> None:
    details = '[{"type": "payment", "actions": ["read"]}]'
    headers = (TokenHeader("X-Tenant", "blue", secret=False), TokenHeader("X-Key", "hidden-value-1"))
    request = ask(
        receiver,
        settings={"audience": "https://api.example.com", "authorization_details": details},
        secrets={"body": "resource=one\r\nplace=S%C3%A3o Paulo"},
        headers=headers,
    )
    form = form_of(request)
    assert form["audience"] == "https://api.example.com"
    assert json.loads(form["authorization_details"]) == [{"type": "payment", "actions": ["read"]}]
    assert (form["resource"], form["place"]) == ("one", "São Paulo")
    assert (request.header("X-Tenant"), request.header("X-Key")) == ("blue", "hidden-value-1")


def test_fields_of_one_name_are_all_sent(receiver: Receiver) -> None:
    """RFC 8707 2: a token for several resources."""
    request = ask(receiver, settings={"scope": ""}, secrets={"body": "resource=a\nresource=b\nscope=c"})
    pairs = parse_qsl(request.body.decode(), strict_parsing=True)
    assert pairs == [("grant_type", "client_credentials"), ("resource", "a"), ("resource", "b"), ("scope", "c")]


@pytest.mark.parametrize(
    ("over", "field", "code"),
    [
        ({"token_url": ""}, "token_url", "required"),
        ({"token_url": "ftp://as.example.com/"}, "token_url", "url_scheme"),
        ({"token_url": "http://169.254.169.254/token"}, "token_url", "refused_address"),
        ({"settings": {"client_id": ""}}, "client_id", "required"),
        ({"settings": {"client_id": "a:b"}}, "client_id", "client_id_colon"),
        ({"secrets": {"client_secret": ""}}, "client_secret", "required"),
        ({"settings": {"auth_type": "magic"}}, "auth_type", "unknown"),
        ({"settings": {"auth_type": "private_key_jwt"}}, "key_pair", "required"),
        (
            {"settings": {"auth_type": "client_secret_jwt"}, "secrets": {"client_secret": "x" * 31}},
            "client_secret",
            "secret_too_short",
        ),
        (
            {"settings": {"auth_type": "client_secret_jwt"}, "secrets": {"client_secret": "ssh-rsa " + "x" * 40}},
            "client_secret",
            "secret_is_key",
        ),
        ({"secrets": {"body": '{"a": "\\ud800"}'}}, "body", "malformed"),
        ({"secrets": {"client_secret": "x\ud800"}}, "client_secret", "unprintable"),
        ({"secrets": {"body": "a=\ud800"}}, "body", "unprintable"),
        ({"settings": {"scope": "a"}, "secrets": {"body": "x=1\nscope=b"}}, "body", "field_taken"),
        ({"settings": {"audience": "a"}, "secrets": {"body": '{"audience": "b"}'}}, "body", "field_taken"),
        ({"secrets": {"body": '{"a":' * 1_500}}, "body", "malformed"),
        ({"secrets": {"body": '{"a":' * 1_601}}, "body", "too_long"),
        ({"settings": {"authorization_details": "[" * 8_001}}, "authorization_details", "too_long"),
        ({"settings": {"authorization_details": "{}"}}, "authorization_details", "malformed"),
        ({"settings": {"authorization_details": "[1]"}}, "authorization_details", "malformed"),
        ({"settings": {"authorization_details": "[{}]"}}, "authorization_details", "type_missing"),
        ({"secrets": {"body": "grant_type=password"}}, "body", "own_field"),
        ({"secrets": {"body": '{"a": {"b": 1}}'}}, "body", "malformed"),
        ({"secrets": {"body": "no field"}}, "body", "malformed"),
        ({"name": " "}, "name", "required"),
        ({"name": "a\nb"}, "name", "unprintable"),
        ({"kind": "saml"}, "kind", "unknown"),
        ({"private_ca": "no certificate"}, "private_ca", "ca_unreadable"),
        ({"settings": {"scope": "a\tb"}}, "scope", "unprintable"),
        ({"description": "x" * 2_001}, "description", "too_long"),
    ],
)
def test_what_is_missing_or_wrong_is_refused_by_field(
    owner: Person, over: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidConnection) as refused:
        create_connection(owner.participant, values=connection_values(**over), by=owner.actor)
    assert (field, code) in [(problem.field, problem.code) for problem in refused.value.problems]
    assert not owner.participant.connections.exists()


@pytest.mark.parametrize(
    ("headers", "field", "code"),
    [
        ([("Authorization", "x")], "headers.0.name", "header_taken"),
        ([("Content-Type", "text/plain")], "headers.0.name", "header_taken"),
        ([("Host", "other.example.com")], "headers.0.name", "header_reserved"),
        ([("X-A", "1"), ("x-a", "2")], "headers.1.name", "header_taken"),
        ([("X-A", "")], "headers.0.value", "required"),
        ([("X-A", "a\r\nHost: b")], "headers.0.value", "header_value_invalid"),
    ],
)
def test_a_header_of_the_token_request_has_one_source(
    owner: Person, headers: list[tuple[str, str]], field: str, code: str
) -> None:
    rows = tuple(TokenHeader(name, value, secret=False) for name, value in headers)
    values = connection_values(headers=rows)
    with pytest.raises(InvalidConnection) as refused:
        create_connection(owner.participant, values=values, by=owner.actor)
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [(field, code)]


def test_authorization_may_be_a_header_where_the_method_sets_none(receiver: Receiver) -> None:
    headers = (TokenHeader("Authorization", "Custom abcdefgh"),)
    request = ask(receiver, settings={"auth_type": "client_secret_post"}, headers=headers)
    assert request.header("Authorization") == "Custom abcdefgh"


def test_a_redirect_is_not_followed_and_takes_no_secret_along(receiver: Receiver) -> None:
    receiver.answer(PATH, Answer(307, b"", [("Location", receiver.url("/elsewhere"))]))
    exchange = obtain_token(make_source(receiver))
    assert exchange.failure == TokenFailure("token_redirected", "HTTP 307", 307)
    assert [request.path for request in receiver.requests()] == [PATH]


def test_another_participants_key_pair_cannot_be_chosen(owner: Person, outsider: Person) -> None:
    key_pair = make_key_pair(participant=outsider.participant)
    values = connection_values(settings={"auth_type": "private_key_jwt"}, key_pair=key_pair)
    with pytest.raises(InvalidConnection) as refused:
        create_connection(owner.participant, values=values, by=owner.actor)
    assert [(each.field, each.code) for each in refused.value.problems] == [("key_pair", "key_pair_unknown")]


def test_values_of_other_authentication_types_are_not_stored() -> None:
    chosen = {"auth_type": "client_secret_post", "key_id": "k-7", "assertion_audience": "x", "unknown": "y"}
    connection = make_connection(settings=chosen)
    assert {"key_id", "assertion_audience", "unknown"} & connection.settings.keys() == set()
    chosen = {"auth_type": "private_key_jwt"}
    participant = make_participant()
    key_pair = make_key_pair(participant=participant)
    other = make_connection(participant=participant, settings=chosen, key_pair=key_pair)
    assert other.secrets == ""
    assert other.secrets_version is None


def test_every_method_has_a_name_a_label_and_an_explanation() -> None:
    wanted = ["client_secret_basic", "client_secret_basic_encoded", "client_secret_post", "client_secret_jwt"]
    wanted += ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
    assert list(METHODS) == wanted
    assert all(str(method.label) and str(method.explanation) for method in METHODS.values())


@pytest.mark.usefixtures("public_loopback")
def test_no_secret_is_in_a_repr_or_an_exchange(receiver: Receiver) -> None:
    pair = self_signed("client.example.com", kind="EC")
    participant = make_participant()
    key_pair = make_key_pair(pair, participant=participant)
    for auth_type in METHODS:
        receiver.answer(PATH, json_answer({"access_token": VALUE, "refresh_token": "another-secret-value-01"}))
        chosen: dict[str, Any] = {"settings": {"auth_type": auth_type}, "participant": participant}
        chosen |= {"key_pair": key_pair if METHODS[auth_type].needs_key else None}
        source = make_source(receiver, **chosen)
        exchange = obtain_token(source)
        told = json.dumps(exchange.exchange) + repr(exchange) + repr(source) + repr(exchange.token)
        request = receiver.requests()[-1]
        secrets = [SECRET, VALUE, "another-secret-value-01", pair.key.splitlines()[1]]
        secrets += [form_of(request).get("client_assertion", VALUE), (request.header("Authorization") or VALUE)[6:]]
        assert [secret for secret in secrets if secret in told] == []
        assert "refresh_token" in told
        assert "grant_type=client_credentials" in exchange.exchange["request"]["body"]
