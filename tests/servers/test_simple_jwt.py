"""RFC 7519 as the guide means it, proved against Simple JWT: a JWT for user and password."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests

from connections.tokens import obtain_token
from tests.servers.conftest import PASSWORD, USER
from tests.servers.running import LIFETIME_SECONDS, Running
from tests.servers.sources import make_source

pytestmark = [pytest.mark.process, pytest.mark.timeout(120), pytest.mark.usefixtures("public")]

# To the letter as the guide's example, with the brace that it lacks.
BODY = '{\n "user":"USR_UNICO",\n\n  "password":"senha1234"\n\n}'


def ask(server: Running, body: str = BODY, **over: str) -> Any:
    return obtain_token(make_source("jwt_7519", server.url("/token/"), body=body, **{"token_minutes": "60"} | over))


def test_user_and_password_are_exchanged_for_the_jwt_under_access(simple_jwt: Running) -> None:
    """UNICO-33: the body as it was typed, posted as JSON; the receiver takes what came back as Bearer."""
    assert json.loads(BODY) == {"user": USER, "password": PASSWORD}
    exchange = ask(simple_jwt)
    assert exchange.failure is None
    line = simple_jwt.lines("/token/")[-1]
    assert (line["body"], line["headers"]["Content-Type"]) == (BODY, "application/json")
    assert jwt.decode(exchange.token.value, options={"verify_signature": False})["token_type"] == "access"
    assert PASSWORD not in json.dumps(exchange.exchange)
    assert exchange.token.value not in json.dumps(exchange.exchange)
    bearer = {"Authorization": f"{exchange.token.type} {exchange.token.value}"}
    assert requests.post(simple_jwt.url("/hook"), json={}, headers=bearer, timeout=10).status_code == 204
    assert requests.post(simple_jwt.url("/hook"), json={}, timeout=10).status_code == 401


def test_the_token_is_not_used_past_its_own_end(simple_jwt: Running) -> None:
    """UNICO-25: the participant says an hour, the token ten minutes."""
    token = ask(simple_jwt).token
    # In whole seconds of the server's clock, which go on while it answers.
    assert abs((token.expires_at - token.obtained_at).total_seconds() - LIFETIME_SECONDS) < 2
    assert ask(simple_jwt, token_minutes="5").token.expires_at - token.obtained_at < timedelta(minutes=6)


@pytest.mark.parametrize(
    "body", [BODY.replace(PASSWORD, "another"), BODY.replace(USER, "NOBODY")], ids=["password", "user"]
)
def test_a_wrong_user_or_password_is_refused(simple_jwt: Running, body: str) -> None:
    """UNICO-33: this server says why in words of its own, with a 401."""
    failure = ask(simple_jwt, body).failure
    assert (failure.code, failure.status) == ("token_refused", 401)


def test_fields_under_other_names_are_refused(simple_jwt: Running) -> None:
    failure = ask(simple_jwt, '{"login": "USR_UNICO", "senha": "senha1234"}').failure
    assert (failure.code, failure.status) == ("token_refused", 400)
