"""Signing: only with what is on the list, by a key that fits it."""

import pytest

from connections.errors import CannotUse
from connections.jose import sign_with_key, sign_with_secret
from connections.key_pairs import KeyMaterial
from tests.connections.key_files import Maker, key_pem


def material(make: Maker, kind: str, algorithm: str) -> KeyMaterial:
    return KeyMaterial("", key_pem(make.key(kind)).decode(), algorithm, "00" * 32)


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("P-256", "none"),
        ("P-256", "HS256"),
        ("P-256", "ES384"),
        ("P-256", "RS256"),
        ("P-384", "ES256"),
        ("RSA 2048", "ES256"),
        ("RSA 2048", "RS1"),
        ("RSA 2048", "PS256"),
        ("RSA 2048", ""),
        ("Ed25519", "ES256"),
        ("RSA 1024", "RS256"),
        ("secp256k1", "ES256K"),
    ],
)
def test_nothing_is_signed_off_the_list_or_with_a_key_that_does_not_fit(make: Maker, kind: str, algorithm: str) -> None:
    """PyJWT signs with what it is told, "none" among them."""
    with pytest.raises(CannotUse) as refused:
        sign_with_key(material(make, kind, algorithm), {"sub": "x"})
    assert refused.value.code == "token_key_unusable"


def test_a_key_that_no_longer_reads_is_unusable(make: Maker) -> None:
    with pytest.raises(CannotUse) as refused:
        sign_with_key(KeyMaterial("", "-----BEGIN", "ES256", "00" * 32), {"sub": "x"})
    assert (refused.value.code, refused.value.detail) == ("token_key_unusable", "key_unreadable")


def test_a_short_secret_signs_nothing() -> None:
    with pytest.raises(CannotUse):
        sign_with_secret("x" * 31, {"sub": "x"})
    assert sign_with_secret("x" * 32, {"sub": "x"})
