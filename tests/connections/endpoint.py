"""A token endpoint for tests: a receiver that answers as it is told, and what it was asked."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl

from connections.source import TokenSource
from connections.tokens import source_of
from tests.factories import make_connection
from tests.receiver import Answer, Received, Receiver

PATH = "/token"
VALUE = "a-token-of-some-length-0123456789"


def token_answer(value: str = VALUE, *, status: int = 200, delay: float = 0.0, **more: Any) -> Answer:
    """A usual answer, or with `more` any other: names given as None are left out."""
    body = {"access_token": value, "token_type": "Bearer", "expires_in": 3600} | more
    return json_answer({name: item for name, item in body.items() if item is not None}, status=status, delay=delay)


def json_answer(body: Any, *, status: int = 200, delay: float = 0.0) -> Answer:
    return Answer(status, json.dumps(body).encode(), [("Content-Type", "application/json")], delay)


def make_source(receiver: Receiver, **over: Any) -> TokenSource:
    """A stored connection to this receiver, opened. Asks for a token unless scripted otherwise."""
    arguments = over.pop("arguments", None)
    connection = make_connection(token_url=receiver.url(over.pop("path", PATH)), **over)
    return source_of(connection, arguments=arguments)


def form_of(request: Received) -> dict[str, str]:
    """The fields of a request's form; a field that is there twice is a mistake."""
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def basic_of(request: Received) -> str:
    """What HTTP Basic carried, decoded."""
    scheme, _blank, text = request.header("Authorization").partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(text).decode()
