"""Tags in the values of delivery headers, filled in afresh for each attempt (UNICO-30, UNICO-31).

`{{signature}}` is the base64 of the signature over the bytes `timestamp "." nonce "." raw-body`, made with the private
key of the webhook's authentication and verifiable by the openssl command line (`openssl dgst -sha256 -verify`):
PKCS #1 v1.5 for RS256, and for ES256 the DER form that openssl reads, not the joined halves of RFC 7518, 3.4.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.utils.translation import gettext as _

Header = tuple[str, str]

TAGS = ("signature", "nonce", "timestamp", "algorithm")
_TAG = re.compile(rf"\{{\{{ *({'|'.join(TAGS)}) *\}}\}}")
# Any other pair of braces, and a tag whose braces are not closed: a typing error that nobody would notice.
# Blanks are cut off afterwards: looked for here, many of them would take time that grows with their number cubed.
_UNKNOWN = re.compile(rf"\{{\{{([^{{}}]*)\}}\}}|\{{\{{ *({'|'.join(TAGS)})\b")


class UnusableKey(Exception):
    """No key, or one that the tags can't be signed with. `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: Any) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def has_tags(value: str) -> bool:
    return _TAG.search(value) is not None


def sole_tag(value: str) -> str | None:
    """Return the name of the tag that is all of a header's value, "" when there is more around a tag, None for none."""
    alone = _TAG.fullmatch(value.strip())
    return alone[1] if alone else "" if has_tags(value) else None


def unknown_tags(value: str) -> Iterator[str]:
    """Yield what stands between each `{{` and `}}` that is no known tag, cut short."""
    for match in _UNKNOWN.finditer(_TAG.sub("", value)):
        yield (match[1] or match[2] or "").strip()[:30]


@dataclass(frozen=True, slots=True, repr=False)
class TagSigner:
    """A private key made ready to sign. `algorithm`: RS256 or ES256, by the key's type."""

    algorithm: str
    _key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def fill(self, headers: Iterable[Header], body: bytes, now: datetime) -> tuple[Header, ...]:
        """Return the headers with their tags filled in: one signature, nonce and time for all of them."""
        nonce, timestamp = str(uuid4()), str(int(now.timestamp()))
        signature = b64encode(self._sign(b"%s.%s.%s" % (timestamp.encode(), nonce.encode(), body))).decode()
        values = {"signature": signature, "nonce": nonce, "timestamp": timestamp, "algorithm": self.algorithm}
        return tuple((name, _TAG.sub(lambda tag: values[tag[1]], value)) for name, value in headers)

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(content, ec.ECDSA(hashes.SHA256()))


def make_signer(private_key_pem: str) -> TagSigner:
    """Return the signer of a private key: RSA, or elliptic on the curve P-256. Raises UnusableKey."""
    if not private_key_pem:
        message = _("Tags need a private key. Choose an authentication type that has one, or write the value itself.")
        raise UnusableKey("tag_without_key", message)
    try:
        # An RSA key was proved sound when it was uploaded. To prove it again takes 40 ms of processor time, and plans
        # are made inside a claim's transaction.
        key = load_pem_private_key(private_key_pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, ValueError):
        key = None
    if isinstance(key, rsa.RSAPrivateKey):
        return TagSigner("RS256", key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return TagSigner("ES256", key)
    raise UnusableKey("tag_key_type", _("Tags are signed with RSA keys and with keys of the curve P-256 only."))
