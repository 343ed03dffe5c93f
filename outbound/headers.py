"""Which headers a participant may add to requests of ours, and how every header must be written (RFC 9110, 5.1-5.6)."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext_lazy as _

from outbound.errors import HeaderRefused

MAX_NAME: Final = 64
MAX_VALUE: Final = 4 * 1024

# Framing, hop-by-hop and routing headers belong to the transport; the last group is ours to give.
RESERVED_NAMES: Final = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "via",
        "forwarded",
        "x-real-ip",
        "cookie",
        "accept-encoding",
        "content-encoding",
    }
)
TRANSPORT_PREFIXES: Final = ("proxy-", "x-forwarded-")
OWN_PREFIXES: Final = ("webhook-", "gancho-")
# Headers whose value is never a secret.
TEXT_HEADERS: Final = frozenset({"content-type", "accept", "user-agent", "accept-language"})

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def is_reserved(name: str) -> bool:
    """True for names that participants may not set."""
    return is_transport(name) or name.lower().startswith(OWN_PREFIXES)


def is_transport(name: str) -> bool:
    """True for names that not even our own code may set: libcurl writes them, or nobody does."""
    name = name.lower()
    return name in RESERVED_NAMES or name.startswith(TRANSPORT_PREFIXES)


def check_syntax(name: str, value: str) -> None:
    """Refuse a header that is not a token of 1-64 characters with a value of printable ASCII (at most 4 KiB)."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise _refused("header_name_invalid", _("This is not a valid header name."), name)
    if len(value) > MAX_VALUE:
        raise _refused("header_value_too_long", _("A header's value may have at most 4,096 characters."), name)
    if not _VALUE.fullmatch(value):
        raise _refused(
            "header_value_invalid",
            _("A header's value must be plain ASCII text that does not begin or end with a blank."),
            name,
        )


def check_header(name: str, value: str, *, taken: Collection[str] = ()) -> None:
    """Refuse a header that a participant may not add. `taken`: lower-case names that other sources already set."""
    check_syntax(name, value)
    if is_reserved(name):
        raise _refused("header_reserved", _("This header is set by the system and cannot be changed."), name)
    if name.lower() in taken:
        raise _refused("header_taken", _("This header is already set by another part of the configuration."), name)


def check_headers(headers: Iterable[tuple[str, str]], *, taken: Collection[str] = ()) -> None:
    """`check_header` for a whole list, whose names must differ (case aside)."""
    seen: set[str] = set()
    for name, value in headers:
        check_header(name, value, taken=taken)
        if name.lower() in seen:
            raise _refused("header_duplicate", _("This header is given twice."), name)
        seen.add(name.lower())


def write_lines(headers: Iterable[tuple[str, str]]) -> tuple[list[str], set[str]]:
    """Headers as lines for the wire, and their names in lower case. For every request, whoever set its headers:
    a line feed in any of them would be one header more. Raises HeaderRefused.
    """
    lines, seen = [], set()
    for name, value in headers:
        key = _writable_name(name)
        if key in seen:
            raise _refused("header_duplicate", _("This header is given twice."), name)
        if len(value) > MAX_VALUE or not _VALUE.fullmatch(value):
            check_syntax(name, value)
        seen.add(key)
        lines.append(f"{name}: {value}")
    return lines, seen


@lru_cache(maxsize=1024)
def _writable_name(name: str) -> str:
    check_syntax(name, "-")
    if is_transport(name):
        raise _refused("header_reserved", _("This header is set by the system and cannot be changed."), name)
    return name.lower()


def _refused(code: str, message: object, name: str) -> HeaderRefused:
    return HeaderRefused(code, message, _UNPRINTABLE.sub("?", name[:MAX_NAME]))
