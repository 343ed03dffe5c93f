"""What the logs hold: the request's id; and what they don't: tokens, queries, credentials (X-3)."""

import io
import json
import logging
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from gunicorn.config import Config

from access import request_context
from portal.gunicorn_logger import ACCESS_FORMAT, PortalLogger
from portal.logging import build_formatter, mask_text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /d/eyJhbGciOi.abc-_~x HTTP", "GET /d/*** HTTP"),
        ("GET /accounts/password/reset/key/2-c9x-CANARY/ 302", "GET /accounts/password/reset/key/***/ 302"),
        ("http://portal.test/d/abc?x=1", "http://portal.test/d/***?***"),
        ("https://user:pass@host.test/a", "https://***@host.test/a"),
        ("https://host.test/hook?key=CANARY&b=2 refused", "https://host.test/hook?*** refused"),
        ("Not Found: /search?q=CANARY", "Not Found: /search?***"),
        ("/deliveries/5f0c/", "/deliveries/5f0c/"),
        ("what? nothing to hide", "what? nothing to hide"),
    ],
)
def test_tokens_queries_and_credentials_are_cut_out(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.fixture
def written() -> Any:
    """A logger with the production formatter, and a function that gives its lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(build_formatter(readable=False))
    logger = logging.getLogger("tests.logging")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.handlers = []


def test_a_line_of_a_request_names_it(written: Any) -> None:
    with request_context.bound(request="abc123", from_address="127.0.0.1"):
        structlog.get_logger("tests.logging").info("delivery sent", delivery="d1")
    logging.getLogger("tests.logging").warning("outside of %s", "any request")
    first, second = written()
    assert (first["event"], first["delivery"], first["request_id"], first["level"]) == (
        "delivery sent",
        "d1",
        "abc123",
        "info",
    )
    assert (second["event"], "request_id" in second) == ("outside of any request", False)


def test_names_that_sound_like_secrets_lose_their_value(written: Any) -> None:
    log = structlog.get_logger("tests.logging")
    log.info("call", authorization="CANARY", headers={"Authorization": "CANARY", "Accept": "x"}, urls=["/d/CANARY"])
    assert "CANARY" not in json.dumps(written())
    assert written()[0]["headers"] == {"Authorization": "***", "Accept": "x"}


def test_a_traceback_is_masked_too(written: Any) -> None:
    try:
        int("https://u:CANARY@host.test/a?token=CANARY")
    except ValueError:
        logging.getLogger("tests.logging").exception("broken")
    assert "ValueError" in written()[0]["exception"]
    assert "CANARY" not in json.dumps(written())


def test_the_access_log_names_method_path_status_and_nothing_secret() -> None:
    logger = PortalLogger(Config())
    environ = {
        "REQUEST_METHOD": "GET", "RAW_URI": "/d/CANARY?sig=CANARY", "PATH_INFO": "/d/CANARY",
        "QUERY_STRING": "sig=CANARY", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_REFERER": "http://x/?CANARY",
    }  # fmt: skip
    response = SimpleNamespace(status="200 OK", sent=5, headers=[("X-Request-Id", "abc123")])
    request = SimpleNamespace(headers=[("AUTHORIZATION", "CANARY")])
    atoms = logger.atoms(response, request, environ, timedelta(milliseconds=3))
    line = ACCESS_FORMAT % logger.atoms_wrapper_class(atoms)
    assert line == "127.0.0.1 GET /d/*** 200 5 bytes 3 ms abc123"
    assert "CANARY" not in " ".join(str(atoms[name]) for name in ("U", "r", "q", "f"))
