"""Certificates and private keys: judged when they are uploaded, opened when something is signed.

Every way in which people mix up their files has its own words. Nothing but certificates and one key, both written anew
by us, is kept of an upload.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from connections.certificates import read_chain
from connections.errors import KeyPairRefused, Problem
from connections.pem import FileRefused
from connections.private_keys import PrivateKey, describe_key, read_key, signs_for

Read = TypeVar("Read")


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
    # What came of judging it: to prove a long key sound takes a second, and a page asks more than once.
    judged: "list[ReadKeyPair | KeyPairRefused]" = field(default_factory=list, init=False, compare=False)

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


@sensitive_variables()
def read_key_pair(upload: Upload, *, now: datetime) -> ReadKeyPair:
    """Judge an upload: that each file is what it should be, and that they belong together (safety.md, TLS). The same
    upload is judged once.

    Raises KeyPairRefused: at most one problem for each file, and one more for the two of them.
    """
    if not upload.judged:
        try:
            upload.judged.append(_judge(upload, now))
        except KeyPairRefused as refused:
            upload.judged.append(refused)
    judged = upload.judged[0]
    if isinstance(judged, KeyPairRefused):
        raise KeyPairRefused(judged.problems)
    return judged


@sensitive_variables()
def _judge(upload: Upload, now: datetime) -> ReadKeyPair:
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


def _attempt(problems: list[Problem], field: str, read: Callable[[], Read]) -> Read | None:
    try:
        return read()
    except FileRefused as refused:
        # A wrong password is the password's own mistake.
        place = "password" if refused.code == "key_password_wrong" else field
        problems.append(Problem(place, refused.code, refused.message))
        return None


def _find_mismatch(chain: list[x509.Certificate], key: PrivateKey) -> Problem | None:
    signed_for = [signs_for(key, each.public_key()) for each in chain]
    if signed_for[0]:
        return None
    if any(signed_for):
        message = _("The certificates are in the wrong order: yours first, then the one that signed it, and so on.")
        return Problem("certificate", "certificate_chain_order", message)
    return Problem("private_key", "key_mismatch", _("This private key does not belong to the certificate."))
