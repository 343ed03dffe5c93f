"""Keys and certificates of every kind for the tests of uploads, and how they are read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connections.errors import KeyPairRefused
from connections.key_pairs import ReadKeyPair, Upload, read_key_pair

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Maker:
    """Keys and certificates, each made once."""

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}

    def key(self, kind: str = "P-256", number: int = 0) -> Any:
        name = f"{kind}/{number}"
        if name not in self._keys:
            self._keys[name] = _KEYS[kind]()
        return self._keys[name]

    def certificate(
        self,
        key: Any = None,
        *,
        name: str = "client",
        signed_by: tuple[Any, str] | None = None,
        starts: timedelta = -DAY,
        ends: timedelta = DAY,
    ) -> x509.Certificate:
        key = key or self.key()
        signer, issuer = signed_by or (key, name)
        builder = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(issuer))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW + starts).not_valid_after(NOW + ends)
        edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        return builder.sign(signer, None if edwards else hashes.SHA256())

    def chain(self) -> list[x509.Certificate]:
        """The client's certificate, its issuer's, and the root's."""
        root, middle = self.key("P-256", 1), self.key("P-256", 2)
        return [
            self.certificate(signed_by=(middle, "middle")),
            self.certificate(middle, name="middle", signed_by=(root, "root")),
            self.certificate(root, name="root"),
        ]


_KEYS: dict[str, Any] = {
    "RSA 1024": lambda: rsa.generate_private_key(65_537, 1024),
    "RSA 2048": lambda: rsa.generate_private_key(65_537, 2048),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "P-192": lambda: ec.generate_private_key(ec.SECP192R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(2048),
}


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def key_pem(key: Any, *, form: PrivateFormat = PrivateFormat.PKCS8, password: str = "") -> bytes:
    encryption = serialization.BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return bytes(key.private_bytes(Encoding.PEM, form, encryption))


def read(certificate: bytes, key: bytes, **over: Any) -> ReadKeyPair:
    return read_key_pair(Upload(certificate, key, **over), now=NOW)


def refusals(certificate: bytes, key: bytes, **over: Any) -> list[tuple[str, str]]:
    with pytest.raises(KeyPairRefused) as refused:
        read(certificate, key, **over)
    assert all(str(problem.message) for problem in refused.value.problems)
    return [(problem.field, problem.code) for problem in refused.value.problems]
