"""A private certificate authority as a participant may enter it."""

from collections.abc import Iterator

from cryptography import x509
from django.utils import timezone
from django.utils.translation import gettext as _

from webhooks.errors import Problem

MAX_CHARACTERS = 64 * 1024
MAX_CERTIFICATES = 20


def authority_problems(pem: str) -> Iterator[Problem]:
    """Yield why this PEM text can't be the only authority that a webhook's connections trust."""
    if not pem:
        return
    if problem := _find_problem(pem):
        code, message = problem
        yield Problem("private_ca", code, message)


def _find_problem(pem: str) -> tuple[str, str] | None:
    if len(pem) > MAX_CHARACTERS:
        return "too_long", _("This text is too long for certificates.")
    if "PRIVATE KEY" in pem:
        return "holds_key", _("This holds a private key. Enter certificates only, and consider that key as disclosed.")
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return "no_certificate", _("This is no certificate in PEM form: -----BEGIN CERTIFICATE----- and so on.")
    if len(certificates) > MAX_CERTIFICATES:
        return "too_many", _("At most %(limit)s certificates.") % {"limit": MAX_CERTIFICATES}
    if all(certificate.not_valid_after_utc < timezone.now() for certificate in certificates):
        return "expired", _("The certificate has expired.")
    return None
