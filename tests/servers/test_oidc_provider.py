"""OAuth 2.0 client credentials proved against oidc-provider: each way of client authentication, what is asked for, and
every refusal by its own reason."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.utils import timezone

from connections.reading import Form, read_token
from connections.source import TokenExchange
from connections.tokens import obtain_token
from tests.servers.oidc_provider import DETAIL, LIFETIME_SECONDS, LONG_SECRET, SECRET, OidcProvider
from tests.servers.sources import make_source

pytestmark = [pytest.mark.process, pytest.mark.timeout(120), pytest.mark.usefixtures("public")]

DETAILS = {
    "grant_type": "client_credentials",
    "type": DETAIL,
    "resource": "accounts",
    "locations": ["https://api.example/a", "https://api.example/b"],
    "privileges": ["read"],
}


def ask(oidc: OidcProvider, client_id: str, auth_type: str, **over: Any) -> TokenExchange:
    source = make_source(
        "oauth2", oidc.token_url, ca=oidc.ca, client_id=client_id, auth_type=auth_type, **{"scope": "deliver"} | over
    )
    return obtain_token(source)


def assert_token(exchange: TokenExchange) -> None:
    assert exchange.failure is None, exchange.failure
    token = exchange.token
    assert token is not None
    assert token.expires_at is not None
    assert token.type == "Bearer"
    # A JWT says itself when it is over, in whole seconds.
    life, early = token.expires_at - token.obtained_at, token.refresh_at - token.obtained_at
    assert timedelta(seconds=LIFETIME_SECONDS - 2) < life <= timedelta(seconds=LIFETIME_SECONDS)
    assert early == life * 0.8


def refusal(exchange: TokenExchange) -> tuple[str, int | None]:
    assert exchange.token is None
    assert exchange.failure is not None
    return exchange.failure.code, exchange.failure.status


# --- who the client is (CERC-19, CERC-21, CERC-22) ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("client_id", "auth_type", "secret"),
    [
        ("post", "client_secret_post", SECRET),
        ("basic", "client_secret_basic_encoded", SECRET),
        ("plain", "client_secret_basic", LONG_SECRET),
        ("secret_jwt", "client_secret_jwt", LONG_SECRET),
    ],
    ids=["post", "basic, encoded", "basic", "jwt"],
)
def test_a_client_with_a_secret_gets_a_token(oidc: OidcProvider, client_id: str, auth_type: str, secret: str) -> None:
    """CERC-19."""
    exchange = ask(oidc, client_id, auth_type, client_secret=secret)
    assert_token(exchange)
    assert oidc.requests()[-1] == {"client": client_id, "status": 200, "scope": "deliver"}
    assert secret not in json.dumps(exchange.exchange)


def test_a_secret_with_signs_in_it_needs_the_encoded_form_here(oidc: OidcProvider) -> None:
    """CERC-19: both forms are offered, for this server reads Basic as RFC 6749 says and others do not."""
    assert refusal(ask(oidc, "basic", "client_secret_basic", client_secret=SECRET))[0] in (
        "token_invalid_client",
        "token_invalid_request",
    )
    assert_token(ask(oidc, "basic", "client_secret_basic_encoded", client_secret=SECRET))


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed25519"])
def test_a_client_with_a_private_key_gets_a_token_each_time(oidc: OidcProvider, kind: str) -> None:
    """CERC-19: its `jti` may be used once, so that a second request needs another."""
    for _ in range(3):
        assert_token(ask(oidc, f"private_key_jwt_{kind}", "private_key_jwt", key_pair=getattr(oidc, kind)))


def test_two_assertions_of_one_moment_are_two(oidc: OidcProvider) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(2):
            assert_token(ask(oidc, "private_key_jwt_rsa", "private_key_jwt", key_pair=oidc.rsa))


def test_an_assertion_that_is_used_twice_is_refused_by_the_server(
    oidc: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests above would look like without a fresh jti."""
    monkeypatch.setattr("connections.jose.uuid4", lambda: "always the same")
    asked = {"client_id": "private_key_jwt_rsa", "auth_type": "private_key_jwt", "key_pair": oidc.rsa}
    assert_token(ask(oidc, **asked))
    assert refusal(ask(oidc, **asked)) == ("token_invalid_client", 401)
    assert oidc.requests()[-1]["why"] == "client assertion tokens must only be used once"


def test_the_issuer_is_an_audience_too(oidc: OidcProvider) -> None:
    over = {"key_pair": oidc.rsa, "assertion_audience": oidc.issuer}
    assert_token(ask(oidc, "private_key_jwt_rsa", "private_key_jwt", **over))


def test_a_self_signed_certificate_that_is_registered_gets_a_token_bound_to_it(oidc: OidcProvider) -> None:
    """CERC-19: self_signed_tls_client_auth; `cnf` names the certificate (RFC 8705)."""
    exchange = ask(oidc, "self_signed", "self_signed_tls_client_auth", key_pair=oidc.rsa)
    assert_token(exchange)
    assert exchange.token is not None
    claims = jwt.decode(exchange.token.value, options={"verify_signature": False})
    fingerprint = jwt.utils.base64url_decode(claims["cnf"]["x5t#S256"]).hex()
    assert fingerprint == make_source("oauth2", oidc.token_url, key_pair=oidc.rsa, client_id="x",
                                      auth_type="self_signed_tls_client_auth").key_pair.fingerprint  # fmt: skip


def test_a_certificate_of_the_servers_authority_gets_a_token(oidc: OidcProvider) -> None:
    """CERC-19: tls_client_auth."""
    assert_token(ask(oidc, "tls", "tls_client_auth", key_pair=oidc.issued))


@pytest.mark.parametrize(
    ("client_id", "auth_type", "over", "why"),
    [
        ("post", "client_secret_post", {"client_secret": "wrong"}, "invalid secret provided"),
        ("plain", "client_secret_basic", {"client_secret": "wrong"}, "invalid secret provided"),
        ("secret_jwt", "client_secret_jwt", {"client_secret": "w" * 64}, "signature verification failed"),
        ("nobody", "client_secret_post", {"client_secret": SECRET}, "client not found"),
        ("private_key_jwt_rsa", "private_key_jwt", {"key_pair": "stranger"}, "signature verification failed"),
        (
            "private_key_jwt_rsa",
            "private_key_jwt",
            {"key_pair": "rsa", "assertion_audience": "https://elsewhere.example/token"},
            "audience (aud) must equal the endpoint url, issuer identifier or token endpoint url",
        ),
        (
            "self_signed",
            "self_signed_tls_client_auth",
            {"key_pair": "stranger"},
            "unregistered client certificate provided",
        ),
        ("tls", "tls_client_auth", {"key_pair": "stranger"}, "client certificate was not verified"),
        (
            "post",
            "client_secret_jwt",
            {"client_secret": LONG_SECRET},
            "the provided authentication mechanism does not match the registered client authentication method",
        ),
        (
            "private_key_jwt_rsa",
            "client_secret_post",
            {"client_secret": SECRET},
            "the provided authentication mechanism does not match the registered client authentication method",
        ),
    ],
    ids=[
        "wrong secret, post",
        "wrong secret, basic",
        "wrong secret, jwt",
        "unknown client",
        "wrong key",
        "wrong audience",
        "wrong certificate",
        "certificate of no authority",
        "wrong method, jwt",
        "wrong method, post",
    ],
)
def test_a_client_that_is_not_who_it_says_is_refused(
    oidc: OidcProvider, client_id: str, auth_type: str, over: dict[str, str], why: str
) -> None:
    """CERC-19, CERC-21, CERC-22: and the diagnosis says that it is the client."""
    given: dict[str, Any] = over | ({"key_pair": getattr(oidc, over["key_pair"])} if "key_pair" in over else {})
    exchange = ask(oidc, client_id, auth_type, **given)
    assert refusal(exchange) == ("token_invalid_client", 401)
    assert exchange.failure is not None
    assert exchange.failure.detail == "invalid_client: client authentication failed"
    assert oidc.requests()[-1].get("why") == why


def test_a_clock_that_is_behind_makes_an_assertion_that_is_over(oidc: OidcProvider) -> None:
    with time_machine.travel(timezone.now() - timedelta(minutes=10)):
        exchange = ask(oidc, "private_key_jwt_rsa", "private_key_jwt", key_pair=oidc.rsa)
    assert refusal(exchange) == ("token_invalid_client", 401)


def test_without_the_authority_of_the_server_nothing_is_sent(oidc: OidcProvider) -> None:
    """CERC-20: the certificate is checked before the secret leaves."""
    before = len(oidc.requests())
    source = make_source(
        "oauth2", oidc.token_url, client_id="post", auth_type="client_secret_post", client_secret=SECRET
    )
    exchange = obtain_token(source)
    assert refusal(exchange) == ("token_tls", None)
    assert len(oidc.requests()) == before


# --- what it asks for (CERC-18) ------------------------------------------------------------------------------------


def test_the_scope_is_asked_for_and_is_in_the_token(oidc: OidcProvider) -> None:
    """CERC-18."""
    exchange = ask(oidc, "readable", "client_secret_post", client_secret=SECRET, scope="deliver read")
    assert exchange.token is not None
    claims = jwt.decode(exchange.token.value, options={"verify_signature": False})
    assert (claims["scope"], claims["aud"], claims["client_id"]) == ("deliver read", "urn:readable", "readable")


def test_a_scope_that_the_client_may_not_have_is_refused(oidc: OidcProvider) -> None:
    """CERC-18."""
    exchange = ask(oidc, "post", "client_secret_post", client_secret=SECRET, scope="deliver write")
    assert refusal(exchange) == ("token_invalid_scope", 400)
    assert exchange.failure is not None
    assert exchange.failure.detail == "invalid_scope: requested scope is not allowed"


def test_a_client_that_is_registered_for_people_is_refused(oidc: OidcProvider) -> None:
    exchange = ask(oidc, "people_only", "client_secret_post", client_secret=SECRET)
    assert refusal(exchange) == ("token_invalid_request", 400)


def test_a_further_field_of_the_body_reaches_the_server(oidc: OidcProvider) -> None:
    """UNICO-29: here a resource that the server does not know (RFC 8707)."""
    exchange = ask(oidc, "post", "client_secret_post", client_secret=SECRET, body="resource=urn:unknown")
    assert refusal(exchange)[0] == "token_invalid_target"
    over = {"client_secret": SECRET, "body": "resource=urn:readable"}
    assert_token(exchange := ask(oidc, "post", "client_secret_post", **over))
    assert exchange.token is not None
    assert jwt.decode(exchange.token.value, options={"verify_signature": False})["aud"] == "urn:readable"


# --- BTG-ID and authorization details (BTG-6 to BTG-8, BTG-11, BTG-12) ---------------------------------------------


def run_btg(oidc: OidcProvider, **over: Any) -> TokenExchange:
    return obtain_token(
        make_source(
            "btg_id", oidc.issuer, ca=oidc.ca, client_id="btg", client_secret=LONG_SECRET, arguments=DETAILS | over
        )
    )


def test_obtaining_credentials_sends_the_four_fields_as_authorization_details(oidc: OidcProvider) -> None:
    """BTG-12, BTG-8, BTG-6: the server grants them and says so."""
    exchange = run_btg(oidc)
    assert_token(exchange)
    expected = [{name: value for name, value in DETAILS.items() if name != "grant_type"}]
    assert json.loads(oidc.requests()[-1]["details"]) == expected
    answered = json.loads(exchange.exchange["response"]["body"])
    assert answered["authorization_details"] == expected


def test_a_token_with_encrypted_claims_is_told_as_such(oidc: OidcProvider) -> None:
    """BTG-19."""
    exchange = run_btg(oidc)
    assert exchange.token is not None
    assert read_token(exchange.token.value).form == Form.ENCRYPTED
    assert exchange.exchange["token"]["form"] == "encrypted"
    assert exchange.token.value not in json.dumps(exchange.exchange)


def test_details_of_a_type_that_the_server_does_not_know_are_refused(oidc: OidcProvider) -> None:
    """BTG-12."""
    exchange = run_btg(oidc, type="unheard_of")
    assert refusal(exchange) == ("token_invalid_authorization_details", 400)
    assert exchange.failure is not None
    assert "unsupported authorization details type" in exchange.failure.detail


def test_another_secret_of_the_application_is_refused(oidc: OidcProvider) -> None:
    """BTG-7."""
    source = make_source("btg_id", oidc.issuer, ca=oidc.ca, client_id="btg", client_secret="x", arguments=DETAILS)
    assert refusal(obtain_token(source)) == ("token_invalid_client", 401)
