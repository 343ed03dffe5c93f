"""Reading what a token endpoint answers: the token under any of its names, its times, and the reasons for none."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from connections import failures
from connections.answers import read_answer
from connections.failures import TokenFailure
from connections.source import Token
from outbound import outcomes
from outbound.redaction import Redactor
from outbound.transfer import READ_BYTES, Result

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OPAQUE = "opaque-token-0123456789"
HMAC_KEY = "k" * 32


def make_jwt(**claims: Any) -> str:
    return jwt.encode({"sub": "x"} | claims, HMAC_KEY, algorithm="HS256")


def answer(body: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (), **more: Any) -> Result:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Result(status=status, body=data, headers=headers, sent=True, **more)


def read(result: Result, *, longest: int | None = None, secrets: tuple[str, ...] = ()) -> Token | TokenFailure:
    return read_answer(result, asked_at=NOW, longest_life_seconds=longest, redactor=Redactor(secrets))


def read_token(body: Any, **more: Any) -> Token:
    token = read(answer(body), **more)
    assert isinstance(token, Token), token
    return token


def read_failure(body: Any, **more: Any) -> TokenFailure:
    failure = read(answer(body, **more))
    assert isinstance(failure, TokenFailure), failure
    return failure


def life(token: Token) -> tuple[float, float | None]:
    """Seconds until a new one is wanted, and until the end."""
    end = (token.expires_at - NOW).total_seconds() if token.expires_at else None
    return (token.refresh_at - NOW).total_seconds(), end


# --- where the token stands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["access_token", "token", "access", "id_token", "jwt"])
def test_the_token_is_found_under_its_usual_names(name: str) -> None:
    assert read_token({name: OPAQUE, "other": "x"}).value == OPAQUE


def test_the_first_of_several_names_counts() -> None:
    body = {"jwt": "fifth", "id_token": "fourth", "access": "third", "token": "second", "access_token": "first"}
    for wanted in ("first", "second", "third", "fourth", "fifth"):
        assert read_token(body).value == wanted
        body = {name: value for name, value in body.items() if value != wanted}


@pytest.mark.parametrize("shape", ["{}", '"{}"', "\n {} \r\n", "\ufeff{}"])
def test_a_bare_jwt_is_a_token(shape: str) -> None:
    bare = make_jwt()
    assert read_token(shape.replace("{}", bare).encode()).value == bare


def test_an_encrypted_jwt_is_a_token_too() -> None:
    header = jwt.utils.base64url_encode(b'{"alg":"RSA-OAEP","enc":"A256GCM"}').decode()
    bare = f"{header}.AAAA.BBBB.CCCC.DDDD"
    assert read_token(bare.encode()).value == bare


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": None}, {"access_token": 7}, {"data": {}}])
def test_a_success_without_a_token_is_called_so(body: Any) -> None:
    assert read_failure(body) == TokenFailure(failures.MISSING, "HTTP 200", 200)


@pytest.mark.parametrize("body", [b"", b"<html>welcome</html>", b"[]", b'"word"', b"7", b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_no_json_object_is_unreadable(body: bytes) -> None:
    assert read_failure(body[:READ_BYTES]).code == failures.ANSWER_UNREADABLE


@pytest.mark.parametrize("value", ["two words", "line\nfeed", "ação", 'quo"te', "a\0b", "a;b"])
def test_a_token_that_no_header_can_carry_is_unreadable(value: str) -> None:
    assert read_failure({"access_token": value}) == TokenFailure(failures.ANSWER_UNREADABLE, "token", 200)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "JWT", "N_A", "", None, 7])
def test_a_bearer_token_is_one_however_it_is_written(kind: Any) -> None:
    assert read_token({"access_token": OPAQUE, "token_type": kind}).type == "Bearer"


@pytest.mark.parametrize("kind", ["DPoP", "mac", "pop"])
def test_a_token_of_another_type_is_not_sent_as_bearer(kind: str) -> None:
    """RFC 6749 7.1."""
    wanted = TokenFailure(failures.ANSWER_UNREADABLE, "token_type", 200)
    assert read_failure({"access_token": OPAQUE, "token_type": kind}) == wanted


def test_an_answer_that_is_too_long_or_cut_short_is_not_read() -> None:
    whole = json.dumps({"access_token": OPAQUE}).encode()
    assert read_failure(whole.ljust(READ_BYTES), answer_cut=True).code == failures.TOO_LARGE
    assert read_failure(whole, answer_cut=True).code == failures.ANSWER_UNREADABLE


# --- how long it lives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [3600, 3600.0, "3600", " 3600 "])
def test_a_new_token_is_wanted_at_80_percent_of_the_life(given: Any) -> None:
    assert life(read_token({"access_token": OPAQUE, "expires_in": given})) == (2880, 3600)


@pytest.mark.parametrize("given", [None, 0, -1, "soon", "", True, [], {}, "nan", "0"])
def test_a_lifetime_that_says_nothing_means_five_minutes_and_no_known_end(given: Any) -> None:
    """Fault 11: `expires_in` absent, 0 and text. Not one request for each delivery, and no token for ever."""
    assert life(read_token({"access_token": OPAQUE, "expires_in": given})) == (240, None)
    assert life(read_token({"access_token": OPAQUE})) == (240, None)


@pytest.mark.parametrize("given", [10**9, 10**400, "1e300", "inf", 86_401])
def test_a_huge_lifetime_counts_as_a_day(given: Any) -> None:
    body = b'{"access_token": "%s", "expires_in": %s}' % (OPAQUE.encode(), json.dumps(given).encode())
    token = read(answer(body))
    assert isinstance(token, Token)
    assert life(token) == (69_120, 86_400)


def test_a_number_too_long_for_python_makes_the_answer_unreadable() -> None:
    assert (
        read_failure(b'{"access_token": "x", "expires_in": ' + b"9" * 5_000 + b"}").code == failures.ANSWER_UNREADABLE
    )


def test_the_tokens_own_end_counts_when_it_comes_first() -> None:
    at = int(NOW.timestamp())
    assert life(read_token({"access_token": make_jwt(exp=at + 100), "expires_in": 3600})) == (80, 100)
    assert life(read_token({"access_token": make_jwt(exp=at + 3600), "expires_in": 100})) == (80, 100)
    assert life(read_token({"access_token": make_jwt(exp=at + 100)})) == (80, 100)


@pytest.mark.parametrize("exp", ["text", None, True, [1], {}])
def test_an_end_that_is_no_number_is_passed_over(exp: Any) -> None:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, {"exp": exp})]
    value = ".".join(jwt.utils.base64url_encode(part).decode() for part in parts) + ".c2ln"
    assert life(read_token({"access_token": value})) == (240, None)


def test_an_end_in_ten_thousand_years_is_a_day_away() -> None:
    assert life(read_token({"access_token": make_jwt(exp=10**300)})) == (69_120, 86_400)


@pytest.mark.parametrize("seconds", [0, -1, -10_000_000])
def test_a_token_that_is_over_already_is_never_used(seconds: int) -> None:
    body = {"access_token": make_jwt(exp=int(NOW.timestamp()) + seconds), "expires_in": 3600}
    assert read_failure(body) == TokenFailure(failures.EXPIRED, "exp", 200)


@pytest.mark.parametrize(
    ("expires_in", "longest", "wanted"),
    [(None, 60, (60, 60)), (3600, 60, (60, 60)), (60, 3600, (48, 60)), (70, 60, (56, 60))],
)
def test_the_participants_own_time_is_kept_and_never_stretches_the_servers(
    expires_in: int | None, longest: int, wanted: tuple[int, int]
) -> None:
    """UNICO-25: within the interval one token, never one past its end."""
    assert life(read_token({"access_token": OPAQUE, "expires_in": expires_in}, longest=longest)) == wanted


def test_life_counts_from_the_moment_of_asking() -> None:
    assert read_token({"access_token": OPAQUE, "expires_in": 10}).obtained_at == NOW


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("invalid_client", failures.INVALID_CLIENT),
        ("invalid_grant", failures.INVALID_GRANT),
        ("invalid_request", failures.INVALID_REQUEST),
        ("invalid_scope", failures.INVALID_SCOPE),
        ("unauthorized_client", failures.UNAUTHORIZED_CLIENT),
        ("unsupported_grant_type", failures.UNSUPPORTED_GRANT_TYPE),
        ("invalid_target", failures.INVALID_TARGET),
        ("invalid_authorization_details", failures.INVALID_AUTHORIZATION_DETAILS),
        ("temporarily_unavailable", failures.SERVER_ERROR),
        ("something_else", failures.REFUSED),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 200])
def test_the_errors_of_rfc_6749_are_told_apart(error: str, code: str, status: int) -> None:
    """Fault 11: 400 of each kind; some servers refuse in the clothes of a success."""
    body = {"error": error, "error_description": "Because of this."}
    assert read_failure(body, status=status) == TokenFailure(code, f"{error}: Because of this.", status)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", {"error": 7}, {"error": {"code": 1}}, {"message": "no"}])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 499])
def test_any_other_refusal_keeps_its_status(body: Any, status: int) -> None:
    assert read_failure(body, status=status) == TokenFailure(failures.REFUSED, f"HTTP {status}", status)


@pytest.mark.parametrize("status", [500, 502, 503, 599])
def test_a_server_error_is_one_whatever_its_body_says(status: int) -> None:
    assert read_failure({"error": "invalid_client"}, status=status).code == failures.SERVER_ERROR


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304, 100])
def test_a_redirect_is_none_of_these(status: int) -> None:
    assert read_failure({"access_token": OPAQUE}, status=status).code == failures.REDIRECTED


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("9" * 40, 999_999_999.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_from_a_429(said: str, seconds: float | None) -> None:
    headers = (("Retry-After", said), ("Date", "Sun, 01 Mar 2026 12:00:00 GMT"))
    failure = read_failure({"error": "slow_down"}, status=429, headers=headers)
    assert (failure.code, failure.retry_after) == (failures.RATE_LIMITED, seconds)


def test_a_description_is_printable_cut_and_without_our_secrets() -> None:
    secret = "very-secret-value"
    body = {"error": "invalid_client", "error_description": f"{secret}\r\n\0" + "x" * 1_000}
    failure = read(answer(body, status=401), secrets=(secret,))
    assert isinstance(failure, TokenFailure)
    assert failure.detail.isprintable()
    assert len(failure.detail) == 300
    assert secret not in failure.detail


def test_the_words_of_a_private_network_are_not_passed_on() -> None:
    body = {"error": "invalid_client", "error_description": "internal host db-7"}
    assert read_failure(body, status=401, private=True) == TokenFailure(failures.INVALID_CLIENT, "HTTP 401", 401)
    assert read_failure(body, private=True).detail == "HTTP 200"


# --- no answer at all -----------------------------------------------------------------------------------------------


def test_every_outcome_of_a_transfer_has_a_code() -> None:
    assert failures.OF_OUTCOME.keys() == outcomes.OUTCOMES
    assert set(failures.OF_OUTCOME.values()) <= failures.CODES


@pytest.mark.parametrize("outcome", sorted(outcomes.OUTCOMES))
def test_the_outcome_of_the_transfer_is_the_detail(outcome: str) -> None:
    assert read(Result(error=outcome)) == TokenFailure(failures.OF_OUTCOME[outcome], outcome)


def test_reading_takes_no_longer_for_answers_made_to_hurt() -> None:
    started = time.monotonic()
    for body in (b"." * READ_BYTES, b'{"a":' * 10_000, b'{"access_token":"' + b"a" * 60_000 + b'"}', b"a." * 30_000):
        read(answer(body[:READ_BYTES]))
    assert time.monotonic() - started < 2


def test_moments_stay_within_what_a_datetime_holds() -> None:
    late = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    result = answer({"access_token": OPAQUE, "expires_in": 10**30})
    assert isinstance(read_answer(result, asked_at=late, longest_life_seconds=None, redactor=Redactor(())), Token)
