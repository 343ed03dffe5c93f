"""One token request from beginning to end, and what is told of it: storable whatever comes, and without secrets."""

import json
import logging
import time
from dataclasses import replace
from typing import Any

import hypothesis
import hypothesis.strategies as st
import jwt
import pytest
from django.utils import timezone

from connections import asking, cache, failures
from connections.asking import masked_answer
from connections.failures import TokenFailure
from connections.models import CachedToken, Connection, ConnectionRun
from connections.tokens import TokenSource, obtain_token, source_of
from outbound.masking import MASK
from outbound.trace import list_steps
from outbound.transfer import READ_BYTES
from tests.certificates import Authority, old_tls_context, server_context
from tests.connections.endpoint import PATH, VALUE, json_answer, make_source, token_answer
from tests.factories import SECRET, make_connection
from tests.receiver import (
    Answer,
    Call,
    Drip,
    Endless,
    Giver,
    Hang,
    Raw,
    Received,
    Receiver,
    Reset,
    closed_port,
    gzip_bomb,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]


def fail(receiver: Receiver, answer: Giver, **over: Any) -> TokenFailure:
    receiver.answer(PATH, answer)
    exchange = obtain_token(make_source(receiver, **over))
    assert exchange.token is None
    assert exchange.failure is not None
    assert exchange.exchange["failure"]["code"] == exchange.failure.code
    return exchange.failure


@pytest.mark.usefixtures("public_loopback")
def test_the_exchange_tells_every_step_and_what_kind_of_token_came(receiver: Receiver) -> None:
    bare = jwt.encode({"exp": int(time.time()) + 600}, "k" * 32, algorithm="HS256")
    receiver.answer(PATH, token_answer(bare))
    exchange = obtain_token(make_source(receiver))
    assert [step.ok for step in list_steps(exchange.exchange)] == [True] * 4
    told = exchange.exchange["token"]
    assert (told["type"], told["form"], told["characters"]) == ("Bearer", "signed", len(bare))
    assert 590 <= told["seconds"] <= 600
    assert exchange.exchange["response"]["status"] == 200
    assert exchange.exchange["milliseconds"]["total"] >= 0


def test_over_tls_the_version_and_the_certificate_are_told(receiver: Receiver) -> None:
    authority = Authority()
    with Receiver(tls=server_context(authority.issue("127.0.0.1"))) as secure:
        secure.answer(PATH, token_answer())
        exchange = obtain_token(make_source(secure, private_ca=authority.pem)).exchange
    assert exchange["tls_version"].startswith("TLSv1.")
    assert exchange["certificate_expires_at"]


@pytest.mark.parametrize(
    ("answer", "code", "detail"),
    [
        (Answer(500), failures.SERVER_ERROR, "HTTP 500"),
        (Raw(), failures.NO_ANSWER, "not_http"),
        (Reset(), failures.NO_ANSWER, "connection_reset"),
        (Endless(), failures.TOO_LARGE, "HTTP 200"),
        (Answer(200, b"x" * (READ_BYTES + 1)), failures.TOO_LARGE, "HTTP 200"),
        (gzip_bomb(4), failures.ANSWER_UNREADABLE, "HTTP 200"),
        (Answer(200), failures.ANSWER_UNREADABLE, "HTTP 200"),
        (json_answer({"expires_in": 3600}), failures.MISSING, "HTTP 200"),
        (Answer(302, b"", [("Location", "https://elsewhere.example.com/")]), failures.REDIRECTED, "HTTP 302"),
    ],
)
@pytest.mark.parametrize("kind", ["oauth2", "jwt_7519"])
def test_what_a_token_endpoint_may_do_instead_of_answering(
    receiver: Receiver, answer: Giver, code: str, detail: str, kind: str
) -> None:
    """Fault 11, by both ways of sending: through requests-oauthlib and without it."""
    failure = fail(receiver, answer, kind=kind)
    assert (failure.code, failure.detail) == (code, detail)


@pytest.mark.parametrize("answer", [Hang(), Drip(every=0.2, head_too=True)])
@pytest.mark.parametrize("kind", ["oauth2", "jwt_7519"])
def test_a_slow_endpoint_costs_the_deadline(receiver: Receiver, answer: Giver, kind: str, settings: Any) -> None:
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 0.5
    started = time.monotonic()
    assert fail(receiver, answer, kind=kind).code == failures.TIMEOUT
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("kind", ["oauth2", "jwt_7519"])
def test_an_endpoint_that_is_not_there_or_may_not_be_called(kind: str, settings: Any) -> None:
    for url, code in (
        (f"http://127.0.0.1:{closed_port()}/token", failures.UNREACHABLE),
        ("https://nobody.example.com/token", failures.NAME_NOT_FOUND),
        ("http://10.0.0.1/token", failures.ADDRESS_REFUSED),
        ("https://as.example.com:25/token", failures.ADDRESS_REFUSED),
    ):
        connection = make_connection(kind=kind)
        Connection.objects.filter(pk=connection.pk).update(token_url=url)
        connection.refresh_from_db()
        failure = obtain_token(source_of(connection)).failure
        assert failure is not None
        assert failure.code == code, url


def test_tls_that_does_not_hold_is_told_exactly(receiver: Receiver) -> None:
    ours, theirs = Authority(), Authority("Another CA")
    for context, trusted, outcome in (
        (server_context(theirs.issue("127.0.0.1")), ours, "tls_unknown_authority"),
        (server_context(ours.issue("other.example.com")), ours, "tls_wrong_name"),
        (old_tls_context(ours.issue("127.0.0.1")), ours, "tls_too_old"),
    ):
        with Receiver(tls=context) as secure:
            failure = obtain_token(make_source(secure, private_ca=trusted.pem)).failure
            assert failure == TokenFailure(failures.TLS, outcome)
            assert secure.requests() == []


def test_http_is_a_matter_of_the_operators_rule_not_of_the_librarys(receiver: Receiver, settings: Any) -> None:
    receiver.answer(PATH, token_answer())
    source = make_source(receiver)
    assert obtain_token(source).token is not None
    settings.PORTAL_OUTBOUND_ALLOW_HTTP = False
    failure = obtain_token(source).failure
    assert failure is not None
    assert failure.code == failures.ADDRESS_REFUSED
    assert len(receiver.requests()) == 1


def test_a_token_that_no_header_takes_is_refused_for_webhooks_and_shown_to_who_asks(receiver: Receiver) -> None:
    value = "a" * 4_090
    receiver.answer(PATH, token_answer(value), token_answer(value[:-1]))
    source = make_source(receiver)
    assert obtain_token(source).failure == TokenFailure(failures.TOO_LARGE, "4090", 200)
    assert obtain_token(source).token is not None
    receiver.answer("/oauth2/token", token_answer(value))
    arguments = {"type": "a", "resource": "b", "locations": ["c"], "privileges": ["d"]}
    shown = obtain_token(make_source(receiver, kind="btg_id", path="", arguments=arguments))
    assert shown.token is not None


def test_what_cannot_be_asked_with_is_said_without_asking(receiver: Receiver) -> None:
    source = make_source(receiver, kind="jwt_7523")
    Connection.objects.update(kind="saml")
    unknown = source_of(Connection.objects.get())
    Connection.objects.update(kind="jwt_7523", key_pair=None)
    keyless = source_of(Connection.objects.get())
    assert obtain_token(unknown).failure == TokenFailure(failures.CONNECTION_INCOMPLETE, "kind")
    assert obtain_token(keyless).failure == TokenFailure(failures.KEY_UNUSABLE, "key_pair_missing")
    assert list_steps(obtain_token(keyless).exchange)[0].ok is False
    assert source.key_pair is not None
    assert receiver.requests() == []


@pytest.mark.usefixtures("public_loopback")
def test_an_endpoint_that_echoes_everything_gives_nothing_away(receiver: Receiver) -> None:
    def echo(request: Received) -> Giver:
        said = request.head.decode() + request.body.decode()
        return json_answer({"error": "invalid_client", "error_description": said, "sent": said}, status=401)

    receiver.answer(PATH, Call(echo))
    for over in (
        {"settings": {"auth_type": "client_secret_post"}},
        {"settings": {"auth_type": "client_secret_basic"}},
        {"settings": {"auth_type": "client_secret_jwt"}},
        {"kind": "jwt_7523"},
        {"kind": "jwt_7519"},
    ):
        exchange = obtain_token(make_source(receiver, **over))
        told = json.dumps(exchange.exchange, ensure_ascii=False) + str(exchange.failure)
        assert "POST /token" in told
        request = receiver.requests()[-1]
        assertion = request.body.decode().partition("assertion=")[2] or SECRET
        for secret in (SECRET, "senha1234", assertion, request.header("Authorization") or SECRET):
            assert secret not in told


@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize("kind", ["oauth2", "jwt_7519"])
def test_a_secret_in_the_address_comes_back_in_no_header_and_no_words(receiver: Receiver, kind: str) -> None:
    """A redirect names the address that was asked, and a refusal may."""
    path = f"{PATH}?key=a%2Bb-{SECRET}"

    def echo(request: Received) -> Giver:
        where = request.target
        body = json.dumps({"error": "invalid_request", "error_description": f"no such thing: {where}"}).encode()
        return Answer(400, body, [("Location", f"https://elsewhere.example.com{where}")])

    receiver.answer(PATH, Call(echo))
    exchange = obtain_token(make_source(receiver, kind=kind, path=path))
    assert SECRET in receiver.requests()[-1].target
    told = json.dumps(exchange.exchange, ensure_ascii=False) + str(exchange.failure)
    assert "no such thing" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"access_token": "abc", "expires_in": 5}', '{"access_token": "' + MASK + '", "expires_in": 5}'),
        (
            b'{"a": [1, {"b": "c"}], "d": true, "e": null}',
            f'{{"a": ["{MASK}", {{"b": "{MASK}"}}], "d": true, "e": null}}',
        ),
        (b"access_token=0123456789abcdef&type=b", MASK),
        (b"<h1>Service unavailable</h1>", "<h1>Service unavailable</h1>"),
        (b"", ""),
        (b'"0123456789"', f'"{MASK}"'),
        (b'{"cut": "0123456789abcdefg', f'{{"cut": "{MASK}'),
        (b"a\0b", "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_an_answer_is_kept_without_what_may_be_a_token(body: bytes, told: str) -> None:
    found = masked_answer(body)
    assert (found if MASK not in found or body[:1] in b'{"<' else MASK) == told


@pytest.mark.parametrize(
    "body", [b"a" * READ_BYTES, b"a." * (READ_BYTES // 2), b"[" * READ_BYTES, b'{"a":' * 900 + b"1" + b"}" * 900]
)
def test_masking_takes_no_time_and_never_fails(body: bytes) -> None:
    started = time.monotonic()
    masked_answer(body)
    assert time.monotonic() - started < 1.0


_NAMES = st.one_of(
    st.sampled_from(["access_token", "token", "token_type", "expires_in", "error", "error_description", "jwt"]),
    st.text(max_size=5),
)


# Python's own codecs among them: some raise, some are no text encodings.
_CHARSETS = st.sampled_from(
    ["idna", "undefined", "punycode", "base64", "zlib", "utf-16", "x-none", "utf-7", "rot13", ""]
)
_CONTENT_TYPES = st.one_of(
    st.builds("{}; charset={}".format, st.sampled_from(["application/json", "text/html"]), _CHARSETS),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)


@hypothesis.given(
    content_type=_CONTENT_TYPES,
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
            max_leaves=20,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    status=st.sampled_from([200, 201, 204, 400, 401, 403, 429, 500, 503]),
)
@hypothesis.settings(max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_ends_in_a_token_or_a_failure_that_can_be_stored(
    receiver: Receiver, public_loopback: None, content_type: str, body: bytes, status: int
) -> None:
    headers = [("Content-Type", content_type)]
    receiver.answer(PATH, Answer(status, b"" if status == 204 else body, headers))
    source = make_source(receiver)
    exchange = obtain_token(source)
    assert (exchange.token is None) != (exchange.failure is None)
    connection, now = Connection.objects.get(pk=source.connection_id), timezone.now()
    run = ConnectionRun(connection=connection, by="x", at=now, purge_at=now, steps=[exchange.exchange])
    if exchange.token:
        run.token = exchange.token.value
    if exchange.failure:
        assert exchange.failure.code in failures.CODES
        run.arguments = {"detail": exchange.failure.detail}
    run.save()
    run.refresh_from_db()
    assert run.steps == [exchange.exchange]
    assert VALUE not in json.dumps(run.steps)


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode"])
def test_a_charset_that_python_chokes_on_does_not_cost_the_token(receiver: Receiver, charset: str) -> None:
    answer = token_answer()
    receiver.answer(PATH, Answer(200, answer.body, [("Content-Type", f"application/json; charset={charset}")]))
    token = obtain_token(make_source(receiver)).token
    assert token is not None
    assert token.value == VALUE


def _stored_with(source: TokenSource, **secrets: str) -> TokenSource:
    """Secrets that no form takes today and an older row may hold."""
    return replace(source, secrets=dict(source.secrets) | secrets)


def test_a_secret_that_no_address_can_hold_is_masked_like_any_other(receiver: Receiver) -> None:
    body = '{"user": "somebody\\ud800", "password": "senha1234"}'
    receiver.answer(PATH, token_answer())
    exchange = obtain_token(_stored_with(make_source(receiver, kind="jwt_7519"), body=body))
    assert exchange.token is not None
    assert receiver.requests()[-1].body.decode() == body


@pytest.mark.parametrize(
    ("over", "secrets", "failure"),
    [
        ({}, {"body": '{"a": "\\ud800"}'}, TokenFailure(failures.CONNECTION_INCOMPLETE, "ValueError")),
        (
            {"settings": {"auth_type": "client_secret_jwt"}},
            {"client_secret": "ssh-rsa " + "A" * 40},
            TokenFailure(failures.KEY_UNUSABLE, "secret_is_key"),
        ),
    ],
)
def test_what_cannot_be_written_is_a_failure_that_is_remembered(
    receiver: Receiver, over: dict[str, Any], secrets: dict[str, str], failure: TokenFailure
) -> None:
    source = _stored_with(make_source(receiver, **over), **secrets)
    for _ in range(2):
        assert obtain_token(source, use_cache=True).failure == failure
    assert CachedToken.objects.get().failures == 1
    assert receiver.requests() == []


@pytest.mark.parametrize("place", ["send_call", "read_answer", "describe_result"])
def test_a_mistake_of_ours_is_a_failure_and_its_message_is_told_nobody(
    receiver: Receiver, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception's message may hold the very value that it stumbled over."""

    def break_down(*_: Any, **__: Any) -> None:
        raise ValueError(SECRET)

    receiver.answer(PATH, token_answer())
    monkeypatch.setattr(asking, place, break_down)
    exchange = obtain_token(make_source(receiver))
    code = failures.CONNECTION_INCOMPLETE if place == "send_call" else failures.NO_ANSWER
    assert exchange.failure == TokenFailure(code, "ValueError")
    assert list_steps(exchange.exchange)[0].ok is False
    assert "tokens.mistake" in caplog.text
    assert SECRET not in caplog.text + json.dumps(exchange.exchange)


def test_no_library_writes_a_secret_to_its_log(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """requests-oauthlib logs headers, bodies and tokens at DEBUG, and an operator may ask for DEBUG."""
    caplog.set_level(logging.DEBUG)
    receiver.answer(PATH, token_answer())
    for auth_type in ("client_secret_basic", "client_secret_post", "client_secret_jwt"):
        assert obtain_token(make_source(receiver, settings={"auth_type": auth_type})).token is not None
        request = receiver.requests()[-1]
        sent = [request.header("Authorization") or SECRET, request.body.decode().partition("assertion=")[2] or SECRET]
        assert [secret for secret in (SECRET, VALUE, *sent) if secret in caplog.text] == []
    assert obtain_token(make_source(receiver, kind="jwt_7523")).token is not None
    assert receiver.requests()[-1].body.decode().partition("assertion=")[2] not in caplog.text


def test_a_fetch_that_broke_down_is_remembered_like_any_other_failure() -> None:
    source, now = source_of(make_connection()), timezone.now()
    [ticket] = cache.look_up([source], now=now).values()
    assert isinstance(ticket, cache.Refresh)
    failure = cache.keep_mistake(ticket, RuntimeError(SECRET))
    assert failure == TokenFailure(failures.NO_ANSWER, "RuntimeError")
    assert list(cache.look_up([source], now=now).values()) == [failure]
