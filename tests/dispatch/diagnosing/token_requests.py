"""Failures of the token request: what endpoints say, what they are silent about, what kept us from asking."""

import base64
import json
import time
from datetime import timedelta

from connections.models import Connection, KeyPair
from dispatch.models import Attempt
from tests.certificates import server_context
from tests.dispatch.diagnosing.transfers import AUTHORITY, SHORT
from tests.dispatch.diagnosing.world import Failure, World, fails_as, json_answer
from tests.receiver import Answer, Hang, Raw, closed_port

SAID = (
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_authorization_details",
    "unauthorized_client",
    "unsupported_grant_type",
)


def saying(error: str) -> Failure:
    return lambda world: world.ask(json_answer(json.dumps({"error": error}), 400))


for _error in SAID:
    fails_as(f"token_{_error}")(saying(_error))


@fails_as("token_refused")
def refused(world: World) -> Attempt:
    return world.ask(Answer(403, b"blocked"))


@fails_as("token_rate_limited")
def rate_limited(world: World) -> Attempt:
    return world.ask(Answer(429))


@fails_as("token_server_error")
def server_error(world: World) -> Attempt:
    return world.ask(Answer(502))


@fails_as("token_redirected")
def redirected(world: World) -> Attempt:
    return world.ask(Answer(302, headers=[("Location", "https://elsewhere.example/token")]))


@fails_as("token_answer_unreadable")
def answer_unreadable(world: World) -> Attempt:
    return world.ask(Answer(200, b"<html>Sign in</html>", [("Content-Type", "text/html")]))


@fails_as("token_missing")
def missing(world: World) -> Attempt:
    return world.ask(json_answer('{"token_type": "Bearer", "expires_in": 60}'))


@fails_as("token_too_large")
def too_large(world: World) -> Attempt:
    return world.ask(json_answer(json.dumps({"access_token": "x" * 20_000, "token_type": "Bearer"})))


@fails_as("token_expired")
def expired(world: World) -> Attempt:
    parts = ({"alg": "none"}, {"exp": int(time.time()) - 3_600})
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return world.ask(json_answer(json.dumps({"access_token": f"{token}.c2lnbmVk", "token_type": "Bearer"})))


# --- not reached ----------------------------------------------------------------------------------------------------


@fails_as("token_name_not_found")
def name_not_found(world: World) -> Attempt:
    world.names["other.test"] = ["127.0.0.1"]
    return world.send_with(world.connection("http://login.test:9000/token"))


@fails_as("token_address_refused")
def address_refused(world: World) -> Attempt:
    world.names["login.test"] = ["10.1.2.3"]
    return world.send_with(world.connection("http://login.test:9000/token"))


@fails_as("token_unreachable")
def unreachable(world: World) -> Attempt:
    return world.send_with(world.connection(f"http://127.0.0.1:{closed_port()}/token"))


@fails_as("token_timeout")
def timeout(world: World) -> Attempt:
    world.settings.PORTAL_TOKEN_DEADLINE_SECONDS = SHORT
    return world.ask(Hang())


@fails_as("token_tls")
def tls(world: World) -> Attempt:
    pair = AUTHORITY.issue("127.0.0.1", valid_for=timedelta(days=-2))
    issuer = world.receiver(tls=server_context(pair))
    attempt = world.send_with(world.connection(issuer.url("/token"), private_ca=AUTHORITY.pem))
    assert (issuer.requests(), attempt.detail) == ([], "tls_expired")
    return attempt


@fails_as("token_no_answer")
def no_answer(world: World) -> Attempt:
    return world.ask(Raw(b""))


# --- not asked ------------------------------------------------------------------------------------------------------


@fails_as("token_credentials_unreadable")
def credentials_unreadable(world: World) -> Attempt:
    """Another row's ciphertext: it is genuine, but sealed for somewhere else."""
    url = world.receiver().url("/token")
    mine, other = world.connection(url), world.connection(url)
    Connection.objects.filter(pk=mine.pk).update(secrets=other.secrets_sealed)
    mine.refresh_from_db()
    return world.send_with(mine)


@fails_as("token_key_unusable")
def key_unusable(world: World) -> Attempt:
    connection = world.connection(world.receiver().url("/token"), kind="jwt_7523")
    pair = KeyPair.objects.get(pk=connection.key_pair_id)
    pair.private_key = "damaged"
    pair.save()
    return world.send_with(connection, method="jwt")


@fails_as("token_connection_incomplete")
def connection_incomplete(world: World) -> Attempt:
    """An authentication of the client that a newer release knows."""
    connection = world.connection(world.receiver().url("/token"))
    Connection.objects.filter(pk=connection.pk).update(settings={"client_id": "x", "auth_type": "quantum"})
    connection.refresh_from_db()
    return world.send_with(connection)
