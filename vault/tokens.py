"""Signed tokens and keyed hashes, each purpose with a key of its own derived from the data keys."""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from vault.errors import BadToken, UnknownKey
from vault.keys import current_key_id, derive

TOKEN = re.compile(r"([a-z0-9][a-z0-9-]{0,31})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]{43})")


def sign(purpose: str, payload: bytes) -> str:
    """Return `<key id>.<payload>.<mac>`, safe in URLs. The payload is readable by whoever holds the token."""
    body = f"{current_key_id()}.{_encode(payload)}"
    return f"{body}.{_mac(purpose, body)}"


def verify(purpose: str, token: str) -> bytes:
    """Return the payload of a token made by `sign` for the same purpose. Raises BadToken for anything else."""
    match = TOKEN.fullmatch(token)
    if match is None:
        raise BadToken
    try:
        expected = _mac(purpose, f"{match[1]}.{match[2]}")
    except UnknownKey:
        raise BadToken from None
    # The texts are compared, not the decoded bytes: base64 has spare bits, and one token must have one spelling.
    if not hmac.compare_digest(expected, match[3]):
        raise BadToken
    return urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4))


def keyed_hash(purpose: str, value: str, *, key_id: str | None = None) -> str:
    """Return `<key id>:<HMAC-SHA256 in hex>` of `value`, with the current key by default."""
    key_id = key_id or current_key_id()
    key = derive(f"hash/{purpose}", key_id=key_id)
    return f"{key_id}:{hmac.digest(key, value.encode(), 'sha256').hex()}"


def hash_matches(purpose: str, value: str, stored: str) -> bool:
    """Whether `stored` is the keyed hash of `value`, made with any key still configured. Constant time."""
    try:
        expected = keyed_hash(purpose, value, key_id=stored.partition(":")[0])
    except UnknownKey:
        return False
    return hmac.compare_digest(expected.encode(), stored.encode())


def _mac(purpose: str, body: str) -> str:
    key = derive(f"token/{purpose}", key_id=body.partition(".")[0])
    return _encode(hmac.digest(key, body.encode(), "sha256"))


def _encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
