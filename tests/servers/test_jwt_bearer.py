"""RFC 7523 proved against Authlib's JWTBearerGrant: an assertion signed with the uploaded certificate's key, and each
thing that can be wrong in it refused by its own reason."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography import x509
from django.utils import timezone

from connections.source import TokenExchange
from connections.tokens import obtain_token
from tests.certificates import KeyPair, self_signed
from tests.servers.conftest import AUDIENCE, SUBJECT
from tests.servers.running import Running
from tests.servers.sources import make_source

pytestmark = [pytest.mark.process, pytest.mark.timeout(120), pytest.mark.usefixtures("public")]


def ask(server: Running, pair: KeyPair, **over: str) -> TokenExchange:
    values = {"sub": SUBJECT, "ver": "1.0", "audience": AUDIENCE, "token_minutes": "10"} | over
    return obtain_token(make_source("jwt_7523", server.url("/token"), key_pair=pair, **values))


def refusal(exchange: TokenExchange) -> tuple[str, str]:
    assert exchange.token is None
    assert exchange.failure is not None
    assert exchange.failure.status == 400
    return exchange.failure.code, exchange.failure.detail


def claims_of(line: dict[str, Any], pair: KeyPair) -> dict[str, Any]:
    key = x509.load_pem_x509_certificate(pair.certificate.encode()).public_key()
    found: dict[str, Any] = jwt.decode(line["form"]["assertion"], key, ["RS256"], audience=AUDIENCE)
    return found


def test_an_assertion_of_the_uploaded_key_is_exchanged_for_a_token(jwt_bearer: Running, registered: KeyPair) -> None:
    """UNICO-22 to UNICO-27, UNICO-32: Sub and Ver are in it, and the certificate verifies it."""
    exchange = ask(jwt_bearer, registered)
    assert exchange.failure is None
    token, line = exchange.token, jwt_bearer.lines()[-1]
    assert token is not None
    assert line["form"]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = claims_of(line, registered)
    assert (claims["iss"], claims["sub"], claims["ver"], claims["aud"]) == (SUBJECT, SUBJECT, "1.0", AUDIENCE)
    # UNICO-25: the participant's ten minutes, not the hour that the server would give.
    assert token.expires_at == token.obtained_at + timedelta(minutes=10)


def test_every_assertion_has_a_jti_of_its_own(jwt_bearer: Running, registered: KeyPair) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        assert all(ask(jwt_bearer, registered).token for _ in range(3))
    assert len({claims_of(line, registered)["jti"] for line in jwt_bearer.lines()[-3:]}) == 3


def test_headers_and_body_go_with_the_token_request(jwt_bearer: Running, registered: KeyPair) -> None:
    """UNICO-28, UNICO-29."""
    values = {"sub": SUBJECT, "ver": "1", "audience": AUDIENCE, "token_minutes": "10", "body": "scope=deliver"}
    source = make_source("jwt_7523", jwt_bearer.url("/token"), key_pair=registered, **values)
    source.settings["headers"] = [{"id": "1", "name": "X-Tenant", "value": "seven", "secret": False}]  # type: ignore[index]
    assert obtain_token(source).token
    line = jwt_bearer.lines()[-1]
    assert (line["headers"]["X-Tenant"], line["form"]["scope"]) == ("seven", "deliver")


@pytest.mark.parametrize(
    ("over", "detail"),
    [
        ({"audience": "https://elsewhere.example"}, "invalid_grant: Invalid claim: 'aud'"),
        # The address of the request, where the server wants another word.
        ({"audience": ""}, "invalid_grant: Invalid claim: 'aud'"),
        ({"issuer": "nobody"}, "invalid_grant: The client does not exist on this server."),
        ({"sub": "nobody", "issuer": SUBJECT}, "invalid_grant: Invalid 'sub' value in assertion"),
    ],
    ids=["aud", "aud by default", "iss", "sub"],
)
def test_a_wrong_claim_is_refused_by_its_name(
    jwt_bearer: Running, registered: KeyPair, over: dict[str, str], detail: str
) -> None:
    """UNICO-26, UNICO-30."""
    assert refusal(ask(jwt_bearer, registered, **over)) == ("token_invalid_grant", detail)


def test_a_subject_of_another_client_is_refused(jwt_bearer: Running, registered: KeyPair) -> None:
    refused = refusal(ask(jwt_bearer, registered, issuer="other"))
    assert refused == ("token_invalid_client", "invalid_client: Client has no permission to access user data")


def test_a_key_that_is_not_registered_is_refused(jwt_bearer: Running) -> None:
    """UNICO-23, UNICO-24."""
    assert refusal(ask(jwt_bearer, self_signed("participant.example")))[0] == "token_invalid_grant"


def test_a_clock_that_is_behind_makes_an_assertion_that_is_over(jwt_bearer: Running, registered: KeyPair) -> None:
    with time_machine.travel(timezone.now() - timedelta(minutes=20)):
        refused = refusal(ask(jwt_bearer, registered))
    assert refused == ("token_invalid_grant", "invalid_grant: The token is expired")
