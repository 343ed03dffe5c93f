"""Certificates with their chain: read from what was uploaded, and judged."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django.utils.translation import gettext as _

from connections.pem import FileRefused, check_suffix, loads, text_of
from connections.private_keys import refuse_unusable
from outbound.pem_blocks import find_blocks

MAX_CHAIN: Final = 10
CERTIFICATE_SUFFIXES: Final = (".crt", ".pem")
# A certificate made a moment ago on a machine whose clock is ahead is not refused for that.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)


def read_chain(data: bytes, name: str = "", *, now: datetime) -> list[x509.Certificate]:
    """Return the certificates of a file, the leaf first."""
    check_suffix(name, CERTIFICATE_SUFFIXES, "certificate_extension", _("Only files ending in .crt or .pem."))
    text = text_of(data, "certificate_empty", "certificate_too_large", _binary_certificate)
    labels = [block.label for block in find_blocks(text)]
    if any(label.endswith("PRIVATE KEY") for label in labels):
        raise _key_in_certificate(only="CERTIFICATE" not in labels)
    if "CERTIFICATE REQUEST" in labels or "NEW CERTIFICATE REQUEST" in labels:
        raise FileRefused(
            "certificate_is_request", _("This is a certificate request. Give the certificate made from it.")
        )
    if "CERTIFICATE" not in labels:
        raise FileRefused("certificate_none", _("There is no certificate in this file."))
    try:
        chain = x509.load_pem_x509_certificates(text.encode())
        _check_chain(chain, now)
        # Names and times are read only when they are asked for: one that can't be read shows here.
        _names = [(each.subject.rfc4514_string(), each.issuer.rfc4514_string()) for each in chain]
    except (ValueError, x509.InvalidVersion):
        raise _unreadable_certificate() from None
    return chain


def _key_in_certificate(*, only: bool) -> FileRefused:
    if only:
        message = _("This is a private key. Give the certificate here, and the key in the other field.")
        return FileRefused("certificate_is_key", message)
    message = _("This file also holds a private key. Give a file with the certificate only.")
    return FileRefused("certificate_with_key", message)


def _binary_certificate(data: bytes) -> FileRefused:
    if loads(x509.load_der_x509_certificate, data):
        command = "openssl x509 -inform der -in file.crt -out file.pem"
        message = _("This certificate is in binary form (DER). Convert it to PEM first: %(command)s")
        return FileRefused("certificate_binary", message % {"command": command})
    return _unreadable_certificate()


def _unreadable_certificate() -> FileRefused:
    return FileRefused("certificate_unreadable", _("This certificate is damaged: it cannot be read."))


def _check_chain(chain: list[x509.Certificate], now: datetime) -> None:
    if len(chain) > MAX_CHAIN:
        raise FileRefused("certificate_chain_long", _("At most %(limit)s certificates.") % {"limit": MAX_CHAIN})
    if not all(_issued(issuer, each) for each, issuer in pairwise(chain)):
        raise _broken_chain(chain)
    refuse_unusable(chain[0].public_key, "certificate")
    leaf = chain[0]
    if leaf.not_valid_after_utc <= now:
        day = f"{leaf.not_valid_after_utc:%Y-%m-%d}"
        raise FileRefused("certificate_expired", _("This certificate expired on %(day)s.") % {"day": day})
    if leaf.not_valid_before_utc > now + CLOCK_TOLERANCE:
        day = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise FileRefused("certificate_not_yet_valid", _("This certificate is valid only from %(day)s.") % {"day": day})
    if leaf.not_valid_after_utc <= leaf.not_valid_before_utc:
        raise _unreadable_certificate()
    if any(each.not_valid_after_utc <= now for each in chain[1:]):
        message = _("A certificate further on in the chain has expired. Ask your authority for the current chain.")
        raise FileRefused("certificate_chain_expired", message)


def _broken_chain(chain: list[x509.Certificate]) -> FileRefused:
    """Told apart: the right certificates in the wrong order, and one that does not belong to the others."""
    signed = [any(_issued(other, each) for other in chain if other is not each) for each in chain]
    if sum(signed) >= len(chain) - 1:
        message = _("The certificates are in the wrong order: yours first, then the one that signed it, and so on.")
        return FileRefused("certificate_chain_order", message)
    message = _("The certificates in this file do not belong together: one was not signed by the next.")
    return FileRefused("certificate_chain_foreign", message)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
