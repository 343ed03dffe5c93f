"""What can be read of a token without a key: its form, its header and, where they lie open, its claims.

Reading is not checking: no signature is verified and nothing is said about validity. A token belongs to who issued it
and who takes it; for its client it is opaque (RFC 6749 1.4), and many issuers encrypt it.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

# Compact serialisation: three parts are signed (RFC 7515 7.1), five are encrypted (RFC 7516 7.1).
_COMPACT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}")
_SIGNED_PARTS, _ENCRYPTED_PARTS = 3, 5
# A token in a token in a token: more is nobody's intention.
_DEEPEST = 3
_MOMENTS = ("iat", "nbf", "exp", "auth_time")


class Form(StrEnum):
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    ENCRYPTED = "encrypted"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """`header` and `claims` are None where they can't be read; `inner` is the token that a signed one holds in place of
    claims."""

    form: Form
    header: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None
    inner: "Reading | None" = None

    @property
    def layers(self) -> Iterator["Reading"]:
        """This token, then the one in it, and so on."""
        layer: Reading | None = self
        while layer is not None:
            yield layer
            layer = layer.inner

    @property
    def header_text(self) -> str:
        return _text(self.header)

    @property
    def claims_text(self) -> str:
        return _text(self.claims)

    @property
    def moments(self) -> list[tuple[str, datetime]]:
        """The claims that are instants (RFC 7519 4.1), in a form that a person can read."""
        claims = self.claims or {}
        found = ((name, _moment(claims.get(name))) for name in _MOMENTS)
        return [(name, moment) for name, moment in found if moment]


def read_token(text: str, *, depth: int = 0) -> Reading:
    """Return what can be read of `text`. Never raises."""
    parts = text.strip().split(".") if _COMPACT.fullmatch(text.strip()) else []
    header = _object(_decode(parts[0])) if parts else None
    if header is None or depth >= _DEEPEST:
        return Reading(Form.OPAQUE)
    if len(parts) == _ENCRYPTED_PARTS and "enc" in header:
        return Reading(Form.ENCRYPTED, header)
    if len(parts) == _SIGNED_PARTS and "alg" in header:
        return _read_signed(parts, header, depth)
    return Reading(Form.OPAQUE)


def _read_signed(parts: list[str], header: dict[str, Any], depth: int) -> Reading:
    form = Form.SIGNED if parts[2] and str(header["alg"]).lower() != "none" else Form.UNSIGNED
    payload = _decode(parts[1])
    claims = _object(payload)
    inner = read_token(payload.decode("ascii", "replace"), depth=depth + 1) if claims is None and payload else None
    return Reading(form, header, claims, inner if inner and inner.form != Form.OPAQUE else None)


def _decode(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(values: dict[str, Any] | None) -> str:
    if values is None:
        return ""
    try:
        text = json.dumps(values, indent=2, ensure_ascii=False)
    except RecursionError:
        # Written with line breaks it needs more of the stack than it took to read.
        text = json.dumps(values, ensure_ascii=False)
    # Half of a surrogate pair can stand in JSON, but in no page.
    return text.encode("utf-8", "replace").decode()


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
