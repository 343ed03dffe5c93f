"""Signatures of the Standard Webhooks specification, version 1: HMAC-SHA256 over `id.timestamp.body`."""

import base64
import binascii
import hmac
import secrets
from datetime import timedelta

PREFIX = "whsec_"
# The specification asks for 24 to 64 bytes.
SECRET_BYTES = 32
# After a rotation both secrets sign for so long, so that receivers can be changed without losing a notification.
OVERLAP = timedelta(hours=24)


def generate_secret() -> str:
    """Return a new signing secret as its owner gets to see it: `whsec_` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def secret_key(secret: str) -> bytes:
    """Return the key that a `whsec_...` text stands for. Raises ValueError when it is none."""
    encoded = secret.removeprefix(PREFIX)
    if encoded == secret:
        raise ValueError("a signing secret starts with whsec_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error as problem:
        raise ValueError("a signing secret is base64 after whsec_") from problem
    if not 24 <= len(key) <= 64:
        raise ValueError("a signing secret holds 24 to 64 bytes")
    return key


def sign(keys: tuple[bytes, ...], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one `v1,<base64>` for each key, newest first, parted by blanks."""
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join(
        "v1," + binascii.b2a_base64(hmac.digest(key, content, "sha256"), newline=False).decode() for key in keys
    )
