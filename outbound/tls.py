"""TLS material that participants upload, checked when it is saved."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from django.utils.translation import gettext_lazy as _

from outbound.errors import TlsRefused
from outbound.pem_blocks import find_blocks

MAX_PEM: Final = 64 * 1024
MAX_AUTHORITIES: Final = 20


@dataclass(frozen=True, slots=True)
class Authority:
    """One certificate authority: what a page shows of it."""

    subject: str
    expires_at: datetime


def check_ca(pem: str, *, now: datetime | None = None) -> tuple[Authority, ...]:
    """The authorities in a PEM text, which would replace the usual ones; raises TlsRefused.

    Each must be a certificate that may sign others (RFC 5280, 4.2.1.9 and 4.2.1.3) and has not expired.
    """
    if len(pem) > MAX_PEM or not pem.isascii():
        raise TlsRefused("ca_unreadable", _("This is not a certificate in PEM format."))
    if "PRIVATE KEY-----" in pem:
        raise TlsRefused("ca_is_key", _("This is a private key. Give the certificate of the authority only."))
    certificates = _read_certificates(pem)
    now = now or datetime.now(UTC)
    return tuple(_check_authority(certificate, now) for certificate in certificates)


def _read_certificates(pem: str) -> list[x509.Certificate]:
    blocks = [block.label for block in find_blocks(pem)]
    # libcurl loads every block it knows (OpenSSL also knows TRUSTED CERTIFICATE and X509 CRL): allow what we judge.
    if not blocks or set(blocks) != {"CERTIFICATE"} or pem.count("-----BEGIN") != len(blocks):
        raise TlsRefused("ca_unreadable", _("This is not a certificate in PEM format."))
    if len(blocks) > MAX_AUTHORITIES:
        raise TlsRefused("ca_too_many", _("At most 20 certificates may be given."))
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, x509.InvalidVersion):
        raise TlsRefused("ca_unreadable", _("This is not a certificate in PEM format.")) from None


def _check_authority(certificate: x509.Certificate, now: datetime) -> Authority:
    if not _may_sign(certificate):
        raise TlsRefused(
            "ca_not_authority",
            _("This certificate belongs to a server or a person, not to an authority. Give the one that signed it."),
        )
    if certificate.not_valid_after_utc <= now:
        raise TlsRefused("ca_expired", _("The certificate of this authority has expired."))
    return Authority(certificate.subject.rfc4514_string(), certificate.not_valid_after_utc)


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        # Without the extension on key usage, every usage is allowed.
        return missing.oid == x509.KeyUsage.oid
    except ValueError:
        return False
