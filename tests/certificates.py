"""A certificate authority for tests: server certificates good and bad, and client certificates."""

import ssl
import tempfile
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, as PEM text."""

    certificate: str
    key: str

    @property
    def pem(self) -> str:
        return self.certificate + self.key


@dataclass
class Authority:
    """Signs what a test asks for. Two authorities know nothing of each other."""

    name: str = "Tests CA"

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _certificate(self) -> x509.Certificate:
        builder = _builder(self.name, self.name, self._key.public_key(), timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        builder = builder.add_extension(self._key_id, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    @property
    def _key_id(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    @property
    def pem(self) -> str:
        """The certificate that a client must trust."""
        return _pem(self._certificate)

    def issue(
        self, *names: str, valid_for: timedelta = timedelta(days=10), client: bool = False, early: bool = False
    ) -> KeyPair:
        """A certificate for host names and addresses; a negative `valid_for` makes one that has expired. `early`: one
        that becomes valid tomorrow."""
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = _builder(names[0], self.name, key.public_key(), valid_for, early=early)
        builder = builder.add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._key_id)
        builder = builder.add_extension(identifier, critical=False)
        return KeyPair(_pem(builder.sign(self._key, hashes.SHA256())), _key_pem(key))


def self_signed(name: str, *, kind: str = "RSA", valid_for: timedelta = timedelta(days=10)) -> KeyPair:
    """The certificate that a participant makes for itself. `kind`: RSA, EC or Ed25519."""
    key = make_key(kind)
    builder = _builder(name, name, key.public_key(), valid_for)
    builder = builder.add_extension(x509.SubjectAlternativeName([_san(name)]), critical=False)
    certificate = builder.sign(key, None if kind == "Ed25519" else hashes.SHA256())
    return KeyPair(_pem(certificate), _key_pem(key))


def make_key(kind: str = "RSA") -> PrivateKey:
    """A private key of 2048 bits, on P-256, or of Ed25519."""
    if kind == "RSA":
        return rsa.generate_private_key(65_537, 2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "Ed25519" else ec.generate_private_key(ec.SECP256R1())


def server_context(pair: KeyPair, *, client_ca: str = "") -> ssl.SSLContext:
    """What a Receiver needs for https; with `client_ca` it insists on a client certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_text(pair.pem)
        context.load_cert_chain(path)
    if client_ca:
        context.load_verify_locations(cadata=client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def old_tls_context(pair: KeyPair) -> ssl.SSLContext:
    """A server that speaks TLS 1.1 and nothing newer."""
    context = server_context(pair)
    context.set_ciphers("ALL:@SECLEVEL=0")
    # Setting old versions warns that they are deprecated, which is the point here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def _builder(
    subject: str, issuer: str, public_key: PublicKey, valid_for: timedelta, *, early: bool = False
) -> x509.CertificateBuilder:
    ends = datetime.now(UTC) + valid_for
    starts = min(datetime.now(UTC), ends) + timedelta(days=1 if early else -1)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
    builder = builder.public_key(public_key).serial_number(x509.random_serial_number())
    return builder.not_valid_before(starts).not_valid_after(ends)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
