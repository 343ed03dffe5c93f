"""Certificates and private keys: judged when they are uploaded, opened when something is signed.

Every way in which people mix up their files has its own words. Nothing but certificates and one key, both written anew
by us, is kept of an upload.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from connections.errors import KeyPairRefused, Problem

MAX_BYTES: Final = 64 * 1024
MAX_CHAIN: Final = 10
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
CERTIFICATE_SUFFIXES: Final = (".crt", ".pem")
KEY_SUFFIXES: Final = (".key", ".pem")
# A certificate made a moment ago on a machine whose clock is ahead is not refused for that.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CURVES = {"secp256r1": ("ES256", "P-256"), "secp384r1": ("ES384", "P-384"), "secp521r1": ("ES512", "P-521")}


@dataclass(frozen=True, slots=True, repr=False)
class KeyMaterial:
    """An opened key pair: PEM texts, the algorithm it signs with, the SHA-256 of the certificate in hex."""

    certificate_pem: str
    private_key_pem: str
    algorithm: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"<KeyMaterial {self.algorithm} {self.fingerprint[:12]}>"


@dataclass(frozen=True, slots=True, repr=False)
class Upload:
    """What was given for a key pair: the two files with their names, and the key's password if it has one. Without a
    name (a text field, a program) only the contents are judged."""

    certificate: bytes
    private_key: bytes
    certificate_name: str = ""
    private_key_name: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"<Upload {self.certificate_name!r} {self.private_key_name!r}>"


@dataclass(frozen=True, slots=True, repr=False)
class ReadKeyPair:
    """A judged key pair: the columns of a KeyPair, and the key itself."""

    certificate_pem: str
    private_key_pem: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    algorithm: str
    key_words: str

    def __repr__(self) -> str:
        return f"<ReadKeyPair {self.algorithm} {self.fingerprint[:12]}>"

    @property
    def material(self) -> KeyMaterial:
        return KeyMaterial(self.certificate_pem, self.private_key_pem, self.algorithm, self.fingerprint)


class _Refused(Exception):
    def __init__(self, code: str, message: Any) -> None:
        super().__init__(code)
        self.code, self.message = code, message


@sensitive_variables()
def read_key_pair(upload: Upload, *, now: datetime) -> ReadKeyPair:
    """Judge an upload: that each file is what it should be, and that they belong together (safety.md, TLS).

    Raises KeyPairRefused: at most one problem for each file, and one more for the two of them.
    """
    problems: list[Problem] = []
    chain = _attempt(problems, "certificate", lambda: read_chain(upload.certificate, upload.certificate_name, now=now))
    key = _attempt(
        problems, "private_key", lambda: read_key(upload.private_key, upload.private_key_name, upload.password)
    )
    if chain and key and (mismatch := _find_mismatch(chain, key)):
        problems.append(mismatch)
    if problems or not chain or not key:
        raise KeyPairRefused(problems)
    leaf, (algorithm, words) = chain[0], describe_key(key)
    return ReadKeyPair(
        certificate_pem="".join(each.public_bytes(Encoding.PEM).decode() for each in chain),
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        algorithm=algorithm,
        key_words=words,
    )


def _attempt(problems: list[Problem], field: str, read: Any) -> Any:
    try:
        return read()
    except _Refused as refused:
        # A wrong password is the password's own mistake.
        place = "password" if refused.code == "key_password_wrong" else field
        problems.append(Problem(place, refused.code, refused.message))
        return None


# --- the certificate ----------------------------------------------------------------------------------------------


def read_chain(data: bytes, name: str = "", *, now: datetime) -> list[x509.Certificate]:
    """Return the certificates of a file, the leaf first."""
    _check_suffix(name, CERTIFICATE_SUFFIXES, "certificate_extension", _("Only files ending in .crt or .pem."))
    text = _text_of(data, "certificate_empty", "certificate_too_large", _binary_certificate)
    labels = [match[1] for match in _BLOCK.finditer(text)]
    if any(label.endswith("PRIVATE KEY") for label in labels):
        raise _key_in_certificate(only="CERTIFICATE" not in labels)
    if "CERTIFICATE REQUEST" in labels or "NEW CERTIFICATE REQUEST" in labels:
        raise _Refused("certificate_is_request", _("This is a certificate request. Give the certificate made from it."))
    if "CERTIFICATE" not in labels:
        raise _Refused("certificate_none", _("There is no certificate in this file."))
    try:
        chain = x509.load_pem_x509_certificates(text.encode())
        _check_chain(chain, now)
        # Names and times are read only when they are asked for: one that can't be read shows here.
        _names = [(each.subject.rfc4514_string(), each.issuer.rfc4514_string()) for each in chain]
    except ValueError:
        raise _unreadable_certificate() from None
    return chain


def _key_in_certificate(*, only: bool) -> _Refused:
    if only:
        message = _("This is a private key. Give the certificate here, and the key in the other field.")
        return _Refused("certificate_is_key", message)
    message = _("This file also holds a private key. Give a file with the certificate only.")
    return _Refused("certificate_with_key", message)


def _binary_certificate(data: bytes) -> _Refused:
    if _loads(x509.load_der_x509_certificate, data):
        command = "openssl x509 -inform der -in file.crt -out file.pem"
        message = _("This certificate is in binary form (DER). Convert it to PEM first: %(command)s")
        return _Refused("certificate_binary", message % {"command": command})
    return _unreadable_certificate()


def _unreadable_certificate() -> _Refused:
    return _Refused("certificate_unreadable", _("This certificate is damaged: it cannot be read."))


def _check_chain(chain: list[x509.Certificate], now: datetime) -> None:
    if len(chain) > MAX_CHAIN:
        raise _Refused("certificate_chain_long", _("At most %(limit)s certificates.") % {"limit": MAX_CHAIN})
    if not all(_issued(issuer, each) for each, issuer in pairwise(chain)):
        raise _broken_chain(chain)
    _refuse_unusable(chain[0].public_key, "certificate")
    leaf = chain[0]
    if leaf.not_valid_after_utc <= now:
        day = f"{leaf.not_valid_after_utc:%Y-%m-%d}"
        raise _Refused("certificate_expired", _("This certificate expired on %(day)s.") % {"day": day})
    if leaf.not_valid_before_utc > now + CLOCK_TOLERANCE:
        day = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise _Refused("certificate_not_yet_valid", _("This certificate is valid only from %(day)s.") % {"day": day})
    if leaf.not_valid_after_utc <= leaf.not_valid_before_utc:
        raise _unreadable_certificate()
    if any(each.not_valid_after_utc <= now for each in chain[1:]):
        message = _("A certificate further on in the chain has expired. Ask your authority for the current chain.")
        raise _Refused("certificate_chain_expired", message)


def _broken_chain(chain: list[x509.Certificate]) -> _Refused:
    """Told apart: the right certificates in the wrong order, and one that does not belong to the others."""
    signed = [any(_issued(other, each) for other in chain if other is not each) for each in chain]
    if sum(signed) >= len(chain) - 1:
        message = _("The certificates are in the wrong order: yours first, then the one that signed it, and so on.")
        return _Refused("certificate_chain_order", message)
    message = _("The certificates in this file do not belong together: one was not signed by the next.")
    return _Refused("certificate_chain_foreign", message)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


# --- the private key ----------------------------------------------------------------------------------------------


@sensitive_variables()
def read_key(data: bytes, name: str = "", password: str = "") -> PrivateKey:
    """Return the one private key of a file. Certificates beside it are passed over."""
    _check_suffix(name, KEY_SUFFIXES, "key_extension", _("Only files ending in .key or .pem."))
    text = _text_of(data, "key_empty", "key_too_large", _binary_key)
    blocks = [match for match in _BLOCK.finditer(text) if match[1].endswith("PRIVATE KEY")]
    if not blocks:
        raise _no_key([match[1] for match in _BLOCK.finditer(text)])
    if len(blocks) > 1:
        raise _Refused("key_several", _("There is more than one private key in this file. Give only one."))
    key = _open_key(blocks[0][0], password)
    _refuse_unusable(lambda: key, "key")
    return usable_key(key)


def _no_key(labels: list[str]) -> _Refused:
    if "CERTIFICATE" in labels:
        message = _("This is a certificate. Give the private key here, and the certificate in the other field.")
        return _Refused("key_is_certificate", message)
    if any(label.endswith("PUBLIC KEY") for label in labels):
        return _Refused("key_is_public", _("This is a public key. Give the private key that belongs to it."))
    return _Refused("key_none", _("There is no private key in this file."))


@sensitive_variables()
def _open_key(block: str, password: str) -> object:
    encrypted = "ENCRYPTED" in block
    if encrypted and not password:
        message = _("This private key is encrypted. Give its password as well, or a key without one.")
        raise _Refused("key_encrypted", message)
    if block.startswith("-----BEGIN OPENSSH "):
        message = _("This is an SSH key. Give the private key that the certificate was made with.")
        raise _Refused("key_is_ssh", message)
    try:
        return serialization.load_pem_private_key(block.encode(), password.encode() if encrypted else None)
    except UnsupportedAlgorithm:
        raise _wrong_type("key") from None
    except (ValueError, TypeError):
        if encrypted:
            raise _Refused("key_password_wrong", _("The private key does not open with this password.")) from None
        raise _unreadable_key() from None


def _binary_key(data: bytes) -> _Refused:
    def load(given: bytes) -> object:
        return serialization.load_der_private_key(given, None)

    if _loads(load, data):
        command = "openssl pkey -inform der -in file.key -out file.pem"
        message = _("This private key is in binary form (DER). Convert it to PEM first: %(command)s")
        return _Refused("key_binary", message % {"command": command})
    return _unreadable_key()


def _unreadable_key() -> _Refused:
    return _Refused("key_unreadable", _("This private key is damaged: it cannot be read."))


# --- both ---------------------------------------------------------------------------------------------------------


def _check_suffix(name: str, allowed: tuple[str, ...], code: str, message: Any) -> None:
    if name and not name.strip().lower().endswith(allowed):
        raise _Refused(code, message)


def _text_of(data: bytes, empty: str, too_large: str, binary: Any) -> str:
    """The text of a PEM file. Windows writes CRLF and a byte order mark, which mean nothing here."""
    if not data.strip():
        raise _Refused(empty, _("This file is empty."))
    if len(data) > MAX_BYTES:
        raise _Refused(too_large, _("This file is too large: at most 64 KiB."))
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise _keystore_or(binary, data) from None
    if "\0" in text:
        raise _keystore_or(binary, data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _keystore_or(binary: Any, data: bytes) -> _Refused:
    # PFX ::= SEQUENCE { version INTEGER { v3(3) }, ... } (RFC 7292, 4)
    if data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[:16]:
        message = _("This is a PKCS#12 keystore (.pfx, .p12). Take certificate and key out of it, each as PEM.")
        return _Refused("keystore", message)
    refused: _Refused = binary(data)
    return refused


def _loads(load: Any, data: bytes) -> bool:
    try:
        load(data)
    except TypeError:
        return True  # an encrypted key: binary all the same
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


class UnusableKey(Exception):
    """A key that nothing is signed with here: of another type, or (`bits`) an RSA key that is too short."""

    def __init__(self, bits: int | None = None) -> None:
        super().__init__()
        self.bits = bits


def check_key(key: object) -> None:
    """Raise UnusableKey unless a private or a public key is of a type and a length that may be used."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise UnusableKey(key.key_size)
        usable = key.key_size <= MAX_RSA_BITS
    elif isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        usable = key.curve.name in _CURVES
    else:
        usable = isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey)
    if not usable:
        raise UnusableKey


def usable_key(key: object) -> PrivateKey:
    """Return a private key that may be used. Raises UnusableKey."""
    check_key(key)
    return cast("PrivateKey", key)


def _refuse_unusable(get_key: Any, what: str) -> None:
    try:
        check_key(get_key())
    except UnusableKey as unusable:
        if unusable.bits is None:
            raise _wrong_type(what) from None
        message = _("This RSA key has %(bits)s bits. At least 2,048 are needed.")
        raise _Refused(f"{what}_weak", message % {"bits": unusable.bits}) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong_type(what) from None


def _wrong_type(what: str) -> _Refused:
    message = _(
        "Keys of this type cannot be used. Use RSA with 2,048 to 8,192 bits, EC P-256, P-384, P-521 or Ed25519."
    )
    return _Refused(f"{what}_type", message)


def _find_mismatch(chain: list[x509.Certificate], key: PrivateKey) -> Problem | None:
    wanted = _public_bytes(key.public_key())
    matching = [index for index, each in enumerate(chain) if _public_bytes(each.public_key()) == wanted]
    if matching[:1] == [0]:
        return None
    if matching:
        message = _("The certificates are in the wrong order: yours first, then the one that signed it, and so on.")
        return Problem("certificate", "certificate_chain_order", message)
    return Problem("private_key", "key_mismatch", _("This private key does not belong to the certificate."))


def _public_bytes(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def describe_key(key: PrivateKey) -> tuple[str, str]:
    """Return the algorithm that a key signs with, and the key in words."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256", f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, curve = _CURVES[key.curve.name]
        return algorithm, f"EC {curve}"
    return "EdDSA", "Ed25519"
