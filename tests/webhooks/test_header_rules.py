"""Own headers (UNICO-18, UNICO-19, CERC-14): what may be sent, one source per name, whatever is typed."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import webhook_values
from webhooks.drafts import make_draft
from webhooks.rules import find_request_problems
from webhooks.values import HeaderValues

RESERVED = [
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Proxy-Authorization",
    "Via",
    "Forwarded",
    "X-Forwarded-For",
    "X-Real-IP",
    "Cookie",
    "Accept-Encoding",
    "Content-Encoding",
    "webhook-id",
    "gancho-cause",
]
TOKEN = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=60).map("X-".__add__)
VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
INNER = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
VALUE = st.builds(
    lambda first, middle, last: first + middle + last, VISIBLE, st.text(INNER, max_size=40), VISIBLE
).filter(lambda value: "{{" not in value)  # the beginning of a tag has rules of its own


def problems(*headers: tuple[str, str], **over: object) -> list[tuple[str, str]]:
    values = webhook_values(headers=tuple(HeaderValues(name, value) for name, value in headers), **over)
    return [(problem.field, problem.code) for problem in find_request_problems(make_draft(values, None))]


@given(st.dictionaries(TOKEN.map(str.lower), VALUE, max_size=10))
@settings(deadline=None)
def test_unico_18_any_tokens_with_visible_values_are_taken(headers: dict[str, str]) -> None:
    taken = {name: value for name, value in headers.items() if not name.startswith(("x-forwarded-", "x-real-ip"))}
    assert problems(*taken.items()) == []


@given(st.text(max_size=30), st.text(max_size=30))
@settings(deadline=None)
def test_unico_18_what_is_taken_can_never_break_a_request(name: str, value: str) -> None:
    if problems((name, value)):
        return
    assert name.isascii()
    assert value.isascii()
    assert not set(name) & set(' \t\r\n\0:()<>@,;\\"/[]?={}')
    assert not set(value) & set("\r\n\0\t")
    assert value == value.strip()


@given(TOKEN, VALUE, st.sampled_from(["\r\n", "\n", "\r", "\0", "\x0b", "\x7f", "é", "\u2028"]))
@settings(deadline=None)
def test_unico_18_a_line_break_or_foreign_byte_anywhere_is_refused(name: str, value: str, poison: str) -> None:
    assert problems((name, f"{value}{poison}X-Evil: 1")) == [("headers.0.value", "header_value_invalid")]
    assert problems((f"{name}{poison}", value)) == [("headers.0.name", "header_name_invalid")]


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_reserved_names_are_refused_whatever_the_case(name: str, change: object) -> None:
    assert problems((change(name), "x")) == [("headers.0.name", "header_reserved")]  # type: ignore[operator]


@pytest.mark.parametrize("name", ["Content-Type", "Accept", "User-Agent", "Accept-Language", "Authorization"])
def test_names_that_may_be_set(name: str) -> None:
    assert problems((name, "x")) == []


def test_the_second_header_of_a_name_is_told_which_is_the_first() -> None:
    values = webhook_values(headers=(HeaderValues("X-Key", "1"), HeaderValues("x-KEY", "2")))
    (problem,) = find_request_problems(make_draft(values, None))
    assert (problem.field, problem.code) == ("headers.1.name", "header_taken")
    assert "header 1" in str(problem.message)


def test_unico_19_secret_and_headers_together_but_authorization_only_once() -> None:
    secret = {"auth_method": "secret", "auth_secrets": {"secret": "abc"}}
    assert problems(("X-Key", "1"), **secret) == []
    assert problems(("authorization", "1"), **secret) == [("headers.0.name", "header_taken")]
    moved = secret | {"auth_settings": {"header_name": "X-Token"}}
    assert problems(("Authorization", "1"), **moved) == []
    assert problems(("X-TOKEN", "1"), **moved) == [("headers.0.name", "header_taken")]


def test_the_first_source_is_named_in_the_refusal() -> None:
    values = webhook_values(
        auth_method="basic",
        auth_settings={"username": "u"},
        auth_secrets={"password": "p"},
        headers=(HeaderValues("Authorization", "x"),),
    )
    (problem,) = find_request_problems(make_draft(values, None))
    assert "Basic: user and password" in str(problem.message)


def test_ons_09_basic_and_token_are_refused_while_they_share_a_header() -> None:
    settings_ = {"username": "u", "token_header": "Authorization"}
    secrets = {"password": "p", "token": "t"}
    found = problems(auth_method="basic", auth_settings=settings_, auth_secrets=secrets)
    assert found == [("auth.token_header", "header_taken")]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(("", "x"), ("headers.0.name", "required")), (("X-A", ""), ("headers.0.value", "required"))],
)
def test_half_a_header_is_refused(header: tuple[str, str], expected: tuple[str, str]) -> None:
    assert problems(header) == [expected]


def test_fifty_headers_at_most() -> None:
    assert problems(*((f"X-{number}", "v") for number in range(50))) == []
    assert problems(*((f"X-{number}", "v") for number in range(51))) == [("headers", "too_many")]
