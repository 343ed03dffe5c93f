"""Signing JSON Web Tokens (RFC 7515, 7518, 7519, 8037)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.views.decorators.debug import sensitive_variables
from jwt.exceptions import InvalidKeyError

from connections.errors import CannotUse
from connections.failures import KEY_UNUSABLE
from connections.key_pairs import KeyMaterial
from connections.private_keys import UnusableKey, describe_key, usable_key

# PyJWT signs with whatever it is told, "none" among them (measured): this list is asked first.
ALGORITHMS: Final = frozenset({"RS256", "ES256", "ES384", "ES512", "EdDSA"})
# RFC 7518, 3.2: a key for HS256 is at least as long as its output.
MIN_SECRET_BYTES: Final = 32
_KEYS_KEPT = 256


@sensitive_variables()
def sign_with_key(material: KeyMaterial, claims: Mapping[str, Any], *, header: Mapping[str, str] | None = None) -> str:
    """Return a JWT signed with a key pair, its header naming algorithm, type and certificate (x5t#S256, RFC 7515
    4.1.8). Raises CannotUse when the key does not fit its algorithm or is too weak."""
    key = load_key(material)
    headers = {"typ": "JWT", "x5t#S256": _encode(bytes.fromhex(material.fingerprint)), **(header or {})}
    return jwt.encode(dict(claims), key, algorithm=material.algorithm, headers=headers)


@sensitive_variables()
def sign_with_secret(secret: str, claims: Mapping[str, Any], *, header: Mapping[str, str] | None = None) -> str:
    """Return a JWT signed by HS256 with a secret that both sides know. Raises CannotUse when it is too short, or a
    key of another algorithm."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise CannotUse(KEY_UNUSABLE, "secret_too_short")
    try:
        return jwt.encode(dict(claims), secret, algorithm="HS256", headers={"typ": "JWT", **(header or {})})
    except InvalidKeyError:
        # It looks like a public key, which everybody knows.
        raise CannotUse(KEY_UNUSABLE, "secret_is_key") from None


def fresh_claims(now: datetime, *, seconds: int) -> dict[str, Any]:
    """Return `iat`, `exp` and a `jti` that no other token has: repeats need their own, servers take each once."""
    issued = int(now.timestamp())
    return {"jti": str(uuid4()), "iat": issued, "exp": issued + seconds}


@sensitive_variables()
def load_key(material: KeyMaterial) -> Any:
    """Return the private key, for signing. Raises CannotUse."""
    try:
        return _load(material.private_key_pem, material.algorithm)
    except (ValueError, TypeError, UnsupportedAlgorithm, UnusableKey):
        raise CannotUse(KEY_UNUSABLE, "key_unreadable") from None


@lru_cache(maxsize=_KEYS_KEPT)
@sensitive_variables()
def _load(pem: str, algorithm: str) -> Any:
    # Its numbers were proved sound when it was uploaded.
    key = usable_key(load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True))
    if algorithm not in ALGORITHMS or describe_key(key)[0] != algorithm:
        raise CannotUse(KEY_UNUSABLE, "algorithm_not_allowed")
    return key


def _encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
