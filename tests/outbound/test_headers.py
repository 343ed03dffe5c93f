import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.errors import HeaderRefused
from outbound.headers import check_header, check_headers, write_lines

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
    "Proxy-Connection",
    "Via",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Real-IP",
    "Cookie",
    "Accept-Encoding",
    "Content-Encoding",
    "webhook-id",
    "Webhook-Signature",
    "gancho-event-id",
    "Gancho-Anything",
]


def code_of(name: str, value: str = "x", taken: tuple[str, ...] = ()) -> str:
    with pytest.raises(HeaderRefused) as caught:
        check_header(name, value, taken=taken)
    assert str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Api-Key", "abc"),
        ("Authorization", "Bearer a b c"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("!#$%&'*+-.^_`|~09azAZ", "~ ~"),
        ("a" * 64, "v" * 4096),
    ],
)
def test_ordinary_headers_are_allowed(name: str, value: str) -> None:
    check_header(name, value)


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_are_refused_whatever_their_case(name: str) -> None:
    assert {code_of(name), code_of(name.lower()), code_of(name.upper())} == {"header_reserved"}


@pytest.mark.parametrize(
    "name", ["", " X", "X ", "X Y", "X:Y", "X\r\nY", "X\x00", "Ação", "X(1)", "X/Y", "X\n", "a" * 65]
)
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    assert code_of(name) == "header_name_invalid"


@pytest.mark.parametrize(
    "value", ["", " ", " x", "x ", "x\r\nEvil: 1", "x\ny", "x\x00", "x\ty", "x\x7f", "ação", "x\n", "\u2028", "x\x0b"]
)
def test_a_value_that_is_not_printable_ascii_is_refused(value: str) -> None:
    assert code_of("X-Api-Key", value) == "header_value_invalid"


def test_a_value_has_at_most_four_kibibytes() -> None:
    assert code_of("X-Api-Key", "v" * 4097) == "header_value_too_long"


def test_a_name_that_another_source_sets_is_refused() -> None:
    assert code_of("Authorization", taken=("authorization",)) == "header_taken"
    check_header("Authorization", "x")


def test_a_name_given_twice_is_refused_whatever_its_case() -> None:
    with pytest.raises(HeaderRefused) as caught:
        check_headers([("X-One", "1"), ("X-Two", "2"), ("x-one", "3")])
    assert (caught.value.code, caught.value.name) == ("header_duplicate", "x-one")


def test_a_refusal_names_the_header_and_never_its_value() -> None:
    with pytest.raises(HeaderRefused) as caught:
        check_header("X\r\nEvil", "CANARY")
    assert caught.value.name == "X??Evil"
    assert "CANARY" not in repr(caught.value) + str(caught.value)


def test_our_own_headers_may_be_written_but_those_of_the_transport_may_not() -> None:
    lines, names = write_lines([("webhook-id", "msg_1"), ("X-A", "b c")])
    assert (lines, names) == (["webhook-id: msg_1", "X-A: b c"], {"webhook-id", "x-a"})
    for name in ("Host", "content-length", "Transfer-Encoding", "X-Forwarded-For", "Proxy-Foo", "Cookie"):
        with pytest.raises(HeaderRefused):
            write_lines([(name, "x")])
    with pytest.raises(HeaderRefused):
        write_lines([("X-A", "1"), ("x-a", "2")])


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_is_written_is_one_line_that_says_what_was_meant(name: str, value: str) -> None:
    try:
        lines, _ = write_lines([(name, value)])
    except HeaderRefused:
        return
    assert lines == [f"{name}: {value}"]
    assert lines[0].isascii()
    assert lines[0].isprintable()
    assert lines[0].split(": ", 1) == [name, value]
