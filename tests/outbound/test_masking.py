"""Masks in addresses and redaction by value (X-3)."""

import base64
import html
from urllib.parse import quote

import pytest

from outbound.masking import MASK, is_mask, masked_url, query_values
from outbound.redaction import Redactor

SECRET = 'CANARY-7f3a"ção&/+'


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/in", "https://a.example/in"),
        ("https://a.example/in?token=abc&x=1", f"https://a.example/in?token={MASK}&x={MASK}"),
        ("https://a.example/?justatoken", f"https://a.example/?{MASK}"),
        ("https://a.example/?a=1=2", f"https://a.example/?a={MASK}"),
        ("https://[::1", MASK),
    ],
)
def test_query_values_are_masked(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_only_bullets_are_a_mask() -> None:
    assert is_mask(MASK)
    assert is_mask("•")
    assert not is_mask("")
    assert not is_mask("•a•")
    assert not is_mask("********")


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        '"CANARY-7f3a\\"\\u00e7\\u00e3o&/+"',
        '"CANARY-7f3a\\"\\u00e7\\u00e3o&\\/+"',  # as PHP writes JSON
        html.escape(SECRET),
        quote(SECRET, safe="").lower().replace("canary", "CANARY"),
    ],
)
def test_a_secret_echoed_by_the_receiver_is_masked_however_it_is_written(written: str) -> None:
    text = Redactor([SECRET]).text(f"you sent {written}!")
    assert written.strip('"') not in text
    assert "CANARY" not in text
    assert MASK in text


def test_a_token_named_without_its_scheme_is_masked() -> None:
    assert Redactor(["Bearer CANARY-1234"]).text("CANARY-1234 has expired") == f"{MASK} has expired"


@pytest.mark.parametrize("before", ["", "a", "ab", "Authorization: Bearer "])
def test_a_secret_amid_words_in_base64_is_masked_but_for_its_ends(before: str) -> None:
    secret = "CANARY-7f3a-41d2-9b1c"
    told = base64.b64encode(f"{before}{secret}, and more".encode()).decode()
    shown = Redactor([secret]).text(told)
    assert MASK in shown
    left = shown.partition(MASK)
    assert len(left[0]) + len(left[2]) < len(told) - len(secret)


def test_values_of_an_addresss_query_are_given_as_written_and_as_read() -> None:
    assert list(query_values("https://a.example/in?key=a%2Bb+c&flag&x=")) == ["a%2Bb+c", "a+b+c", "a+b c", "flag", ""]
    assert list(query_values("https://[::1")) == []


def test_half_of_a_surrogate_pair_is_masked_as_json_has_it() -> None:
    shown = Redactor(["somebody\ud800"]).text('{"user": "somebody\\ud800"}')
    assert shown == f'{{"user": "{MASK}"}}'


def test_short_values_are_left_alone() -> None:
    assert Redactor(["abc"]).text("abcdef") == "abcdef"


@pytest.mark.parametrize("kept", [8, 12, len(SECRET) - 1])
def test_a_secret_cut_in_the_middle_is_masked_too(kept: int) -> None:
    text = Redactor([SECRET]).text("token " + SECRET[:kept], cut=True)
    assert text == f"token {MASK}"


def test_bodies_become_text_that_postgresql_takes() -> None:
    assert Redactor([]).body(b"a\0b\xff") == "a�b�"


def test_answer_headers_are_masked_and_cookies_whole() -> None:
    shown = Redactor(["CANARY-1234"]).headers([("X-Echo", "got CANARY-1234"), ("Set-Cookie", "session=1")])
    assert shown == [["X-Echo", f"got {MASK}"], ["Set-Cookie", MASK]]


def test_repr_shows_no_secret() -> None:
    assert SECRET not in repr(Redactor([SECRET]))
