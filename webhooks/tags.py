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
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Header = tuple[str, str]

TAGS = ("signature", "nonce", "timestamp", "algorithm")
_TAG = re.compile(rf"\{{\{{ *({'|'.join(TAGS)}) *\}}\}}")
_OPENING = re.compile(r"\{\{ *([^{}]*?) *(?:\}\}|$)")


class UnusableKey(ValueError):
    """A key by which the tags can't be signed."""


def has_tags(value: str) -> bool:
    return _TAG.search(value) is not None


def unknown_tags(value: str) -> Iterator[str]:
    """Yield what stands after each `{{` that begins no known tag, cut short: sent as it is, it would be a typing error
    that nobody notices."""
    for match in _OPENING.finditer(_TAG.sub("", value)):
        yield match[1][:30]


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
    try:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
    except (TypeError, ValueError):
        raise UnusableKey from None
    if isinstance(key, rsa.RSAPrivateKey):
        return TagSigner("RS256", key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return TagSigner("ES256", key)
    raise UnusableKey
