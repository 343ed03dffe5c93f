"""BTG-19: of a token is shown what can be read, and what can't is said."""

import base64
import json
from typing import Any

import pytest

from connections.reading import Form, read_token


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any, **header: Any) -> str:
    return f"{part({'alg': 'RS256', 'typ': 'JWT'} | header)}.{part(claims)}.{part(b'signature')}"


def test_header_and_claims_of_a_signed_token_are_read() -> None:
    reading = read_token(signed({"sub": "ação", "exp": 1_800_000_000}, kid="k1"))
    assert (reading.form, reading.inner) == (Form.SIGNED, None)
    assert reading.header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert reading.claims == {"sub": "ação", "exp": 1_800_000_000}
    assert '"sub": "ação"' in reading.claims_text
    assert [(name, moment.isoformat()) for name, moment in reading.moments] == [("exp", "2027-01-15T08:00:00+00:00")]


def test_of_an_encrypted_token_only_the_header_is_read() -> None:
    token = ".".join([part({"alg": "RSA-OAEP-256", "enc": "A256GCM"}), *map(part, (b"key", b"iv", b"text", b"tag"))])
    reading = read_token(token)
    assert (reading.form, reading.claims, reading.claims_text) == (Form.ENCRYPTED, None, "")
    assert reading.header == {"alg": "RSA-OAEP-256", "enc": "A256GCM"}


def test_an_encrypted_token_for_the_key_directly_has_an_empty_part() -> None:
    token = f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..{part(b'iv')}.{part(b'text')}.{part(b'tag')}"
    assert read_token(token).form == Form.ENCRYPTED


def test_a_nested_token_is_read_layer_by_layer() -> None:
    reading = read_token(signed(signed({"sub": "inner"}).encode(), cty="JWT"))
    assert (reading.claims, [layer.form for layer in reading.layers]) == (None, [Form.SIGNED, Form.SIGNED])
    assert list(reading.layers)[1].claims == {"sub": "inner"}


def test_an_encrypted_token_in_a_signed_one_is_named() -> None:
    inner = ".".join([part({"alg": "dir", "enc": "A128GCM"}), "", *map(part, (b"iv", b"text", b"tag"))])
    assert [layer.form for layer in read_token(signed(inner.encode())).layers] == [Form.SIGNED, Form.ENCRYPTED]


def test_layers_come_to_an_end() -> None:
    token = signed({"sub": "deep"})
    for _ in range(8):
        token = signed(token.encode())
    assert len(list(read_token(token).layers)) == 3


@pytest.mark.parametrize("token", [f"{part({'alg': 'none'})}.{part({'a': 1})}.", f"{part({'alg': 'HS256'})}.e30."])
def test_an_unsigned_token_is_called_so(token: str) -> None:
    assert read_token(token).form == Form.UNSIGNED


@pytest.mark.parametrize(
    "token",
    [
        *("", "opaque", "a.b", "a.b.c", "a.b.c.d.e", "ção.b.c", ".".join([part([1]), part({}), part(b"s")])),
        *(".".join([part({"typ": "x"}), part({}), part(b"s")]), f"{part({'alg': 'x'})}.{part({})}.a.b.c.d"),
        ".".join([part(b'{"alg":' + b"[" * 100_000), "e30", "x"]),
    ],
)
def test_anything_else_is_opaque(token: str) -> None:
    reading = read_token(token)
    assert (reading.form, reading.header, reading.claims) == (Form.OPAQUE, None, None)


def test_claims_that_no_page_could_hold_are_mended() -> None:
    reading = read_token(signed(b'{"name": "\\ud800", "exp": 1e300, "iat": true, "nbf": "soon"}'))
    assert "?" in reading.claims_text
    assert reading.claims_text.encode()
    assert reading.moments == []


def test_claims_that_are_deep_are_written_all_the_same() -> None:
    depth = 600
    reading = read_token(signed(b'{"a":' * depth + b"1" + b"}" * depth))
    assert reading.claims_text.count('"a"') == depth
