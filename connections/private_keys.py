"""Private keys: read from what was uploaded, and judged whether anything may be signed with them."""

from base64 import b64decode
from typing import Any, Final, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from connections.derivation import asks_too_much
from connections.pem import FileRefused, check_suffix, loads, text_of
from outbound.pem_blocks import Block, find_blocks

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
# To prove the numbers of a longer key sound takes many seconds of processor time (measured: 7 s for 8,192 bits). Such a
# key is believed once it has signed something that its certificate verifies.
MAX_PROVED_BITS: Final = 4096
KEY_SUFFIXES: Final = (".key", ".pem")

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CURVES = {"secp256r1": ("ES256", "P-256"), "secp384r1": ("ES384", "P-384"), "secp521r1": ("ES512", "P-521")}


@sensitive_variables()
def read_key(data: bytes, name: str = "", password: str = "") -> PrivateKey:
    """Return the one private key of a file. Certificates beside it are passed over."""
    check_suffix(name, KEY_SUFFIXES, "key_extension", _("Only files ending in .key or .pem."))
    text = text_of(data, "key_empty", "key_too_large", _binary_key)
    found = list(find_blocks(text))
    blocks = [block for block in found if block.label.endswith("PRIVATE KEY")]
    if not blocks:
        raise _no_key([block.label for block in found])
    if len(blocks) > 1:
        raise FileRefused("key_several", _("There is more than one private key in this file. Give only one."))
    key = _open_key(blocks[0], password)
    refuse_unusable(lambda: key, "key")
    return usable_key(key)


def _no_key(labels: list[str]) -> FileRefused:
    if "CERTIFICATE" in labels:
        message = _("This is a certificate. Give the private key here, and the certificate in the other field.")
        return FileRefused("key_is_certificate", message)
    if any(label.endswith("PUBLIC KEY") for label in labels):
        return FileRefused("key_is_public", _("This is a public key. Give the private key that belongs to it."))
    return FileRefused("key_none", _("There is no private key in this file."))


@sensitive_variables()
def _open_key(block: Block, password: str) -> object:
    encrypted = "ENCRYPTED" in block.text
    if encrypted and not password:
        message = _("This private key is encrypted. Give its password as well, or a key without one.")
        raise FileRefused("key_encrypted", message)
    if block.label == "OPENSSH PRIVATE KEY":
        message = _("This is an SSH key. Give the private key that the certificate was made with.")
        raise FileRefused("key_is_ssh", message)
    try:
        return _prove(_load(block, password.encode() if encrypted else None))
    except UnsupportedAlgorithm:
        raise _wrong_type("key") from None
    except (ValueError, TypeError):
        if encrypted:
            raise FileRefused("key_password_wrong", _("The private key does not open with this password.")) from None
        raise _unreadable_key() from None


@sensitive_variables()
def _load(block: Block, secret: bytes | None) -> object:
    if block.label != "ENCRYPTED PRIVATE KEY":
        return serialization.load_pem_private_key(block.text.encode(), secret, unsafe_skip_rsa_key_validation=True)
    # The very octets that were judged are opened: of a PEM text two readers may see different ones.
    der = _der_of(block.inner)
    if asks_too_much(der):
        message = _("This private key is encrypted with far more rounds than are usual. Give a key without a password.")
        raise FileRefused("key_costly", message)
    return serialization.load_der_private_key(der, secret, unsafe_skip_rsa_key_validation=True)


def _der_of(inner: str) -> bytes:
    """The octets of a block. Lines such as `Name: value` may come first, with an empty line after them (RFC 1421)."""
    head, empty, body = inner.partition("\n\n")
    return b64decode("".join((body if empty and ":" in head else inner).split()), validate=True)


@sensitive_variables()
def _prove(key: object) -> object:
    """Return the key, its numbers proved sound. Not opened a second time: its password may cost a second to try."""
    if not isinstance(key, rsa.RSAPrivateKey) or not MIN_RSA_BITS <= key.key_size <= MAX_PROVED_BITS:
        return key
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return serialization.load_der_private_key(der, None)


def _binary_key(data: bytes) -> FileRefused:
    def load(given: bytes) -> object:
        # Only whether it is a key: the numbers of a very long one would take minutes to prove.
        return serialization.load_der_private_key(given, None, unsafe_skip_rsa_key_validation=True)

    if loads(load, data):
        command = "openssl pkey -inform der -in file.key -out file.pem"
        message = _("This private key is in binary form (DER). Convert it to PEM first: %(command)s")
        return FileRefused("key_binary", message % {"command": command})
    return _unreadable_key()


def _unreadable_key() -> FileRefused:
    return FileRefused("key_unreadable", _("This private key is damaged: it cannot be read."))


# --- which keys may be used --------------------------------------------------------------------------------------


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


def refuse_unusable(get_key: Any, what: str) -> None:
    try:
        check_key(get_key())
    except UnusableKey as unusable:
        if unusable.bits is None:
            raise _wrong_type(what) from None
        message = _("This RSA key has %(bits)s bits. At least 2,048 are needed.")
        raise FileRefused(f"{what}_weak", message % {"bits": unusable.bits}) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong_type(what) from None


def _wrong_type(what: str) -> FileRefused:
    message = _(
        "Keys of this type cannot be used. Use RSA with 2,048 to 8,192 bits, EC P-256, P-384, P-521 or Ed25519."
    )
    return FileRefused(f"{what}_type", message)


def signs_for(key: PrivateKey, public_key: object) -> bool:
    """Whether what the key signs is verified by a certificate's public key."""
    data = b"gancho"
    try:
        if isinstance(key, rsa.RSAPrivateKey) and isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(key.sign(data, PKCS1v15(), SHA256()), data, PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(key.sign(data, ec.ECDSA(SHA256())), data, ec.ECDSA(SHA256()))
        elif isinstance(key, ed25519.Ed25519PrivateKey) and isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(key.sign(data), data)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def describe_key(key: PrivateKey) -> tuple[str, str]:
    """Return the algorithm that a key signs with, and the key in words."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256", f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, curve = _CURVES[key.curve.name]
        return algorithm, f"EC {curve}"
    return "EdDSA", "Ed25519"
