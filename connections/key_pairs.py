"""Certificates and private keys: judged when they are uploaded, opened when something is signed."""

from dataclasses import dataclass
from datetime import datetime


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
    """What was given for a key pair: the two files with their names, and the key's password if it has one."""

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


def read_key_pair(upload: Upload, *, now: datetime) -> ReadKeyPair:
    """Judge an upload. Raises connections.errors.KeyPairRefused with every problem found."""
    raise NotImplementedError
