"""Answers of receivers that are no success, and a 401 for each authentication method."""

from collections.abc import Callable
from typing import Any

from dispatch.models import Attempt
from tests.dispatch.diagnosing.world import Failure, World, fails_as, json_answer
from tests.receiver import Answer, Raw
from webhooks.auth.registry import METHODS

OF_STATUS = {
    302: "redirected",
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "receiver_timed_out",
    410: "gone",
    413: "body_too_large",
    415: "content_type_refused",
    422: "content_refused",
    429: "too_many_requests",
    418: "refused",
    500: "server_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "gateway_timeout",
    507: "server_error_other",
}


def answering(status: int) -> Failure:
    headers = [("Location", "https://elsewhere.example/")] if status == 302 else []
    return lambda world: world.answered(Answer(status, headers=headers))


for _status, _code in OF_STATUS.items():
    fails_as(_code)(answering(_status))


def nginx_page(words: str) -> Answer:
    """As nginx 1.22 answers, byte for byte, where `ssl_verify_client on` was not satisfied."""
    body = (
        f"<html>\r\n<head><title>400 {words}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
        f"<center>{words}</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(400, body.encode(), [("Content-Type", "text/html")])


@fails_as("client_certificate_missing")
def client_certificate_missing(world: World) -> Attempt:
    return world.answered(nginx_page("No required SSL certificate was sent"))


@fails_as("client_certificate_refused")
def client_certificate_refused(world: World) -> Attempt:
    return world.answered(nginx_page("The SSL certificate error"))


@fails_as("unexpected_status")
def unexpected_status(world: World) -> Attempt:
    return world.answered(Raw(b"HTTP/1.1 700 Made up\r\nContent-Length: 0\r\n\r\n"))


# --- 401, by what the webhook sends -----------------------------------------------------------------------------------

STORED: dict[str, dict[str, Any]] = {
    "none": {},
    "secret": {"auth_secrets": {"secret": "a-token-of-the-test"}},
    "basic": {"auth_settings": {"username": "user"}, "auth_secrets": {"password": "password"}},
}
# The kind of connection that each method with a token has.
KINDS = {"oauth2": "oauth2", "jwt": "jwt_7519"}


def unauthorized(method: str) -> Callable[[World], Attempt]:
    if method in STORED:
        return lambda world: world.answered(Answer(401), auth_method=method, **STORED[method])

    def with_token(world: World) -> Attempt:
        issuer = world.receiver(json_answer('{"access_token": "a-token", "token_type": "Bearer"}'), path="/token")
        connection = world.connection(issuer.url("/token"), kind=KINDS[method])
        url = world.receiver(Answer(401)).url("/hook")
        attempt = world.send_with(connection, method=method, url=url)
        assert len(issuer.requests()) == 1
        return attempt

    return with_token


for _method in METHODS:
    fails_as(f"unauthorized_{_method}")(unauthorized(_method))
