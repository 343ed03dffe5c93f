"""PEM files as people have them: with the marks and line ends of Windows, words around, or not PEM at all."""

from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import InvalidVersion
from django.utils.translation import gettext as _

MAX_BYTES: Final = 64 * 1024

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class FileRefused(Exception):
    """One file that can't be used: `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: Any) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def check_suffix(name: str, allowed: tuple[str, ...], code: str, message: Any) -> None:
    if name and not name.strip().lower().endswith(allowed):
        raise FileRefused(code, message)


def text_of(data: bytes, empty: str, too_large: str, binary: Any) -> str:
    """The text of a PEM file. Windows writes CRLF and a byte order mark, which mean nothing here."""
    if not data.strip():
        raise FileRefused(empty, _("This file is empty."))
    if len(data) > MAX_BYTES:
        raise FileRefused(too_large, _("This file is too large: at most 64 KiB."))
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise _keystore_or(binary, data) from None
    if "\0" in text:
        raise _keystore_or(binary, data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _keystore_or(binary: Any, data: bytes) -> FileRefused:
    # PFX ::= SEQUENCE { version INTEGER { v3(3) }, ... } (RFC 7292, 4)
    if data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[:16]:
        message = _("This is a PKCS#12 keystore (.pfx, .p12). Take certificate and key out of it, each as PEM.")
        return FileRefused("keystore", message)
    refused: FileRefused = binary(data)
    return refused


def loads(load: Any, data: bytes) -> bool:
    try:
        load(data)
    except TypeError:
        return True  # an encrypted key: binary all the same
    except (ValueError, UnsupportedAlgorithm, InvalidVersion):
        return False
    return True
