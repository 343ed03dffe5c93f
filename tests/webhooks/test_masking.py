"""Masks in addresses and redaction by value (X-3)."""

import base64
from urllib.parse import quote

import pytest

from webhooks.masking import MASK, is_mask, masked_url
from webhooks.redaction import Redactor

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
    ],
)
def test_a_secret_echoed_by_the_receiver_is_masked_however_it_is_written(written: str) -> None:
    text = Redactor([SECRET]).text(f"you sent {written}!")
    assert written.strip('"') not in text
    assert "CANARY" not in text
    assert MASK in text


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
