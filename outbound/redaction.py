"""Masking of secrets by value, before anything is stored."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from outbound.masking import MASK

# Below this length a value turns up in other words by chance; its header is masked by name anyway.
SHORTEST = 8


class Redactor:
    """Masks the given values, and the usual ways to write them, wherever they stand in a text."""

    def __init__(self, values: Iterable[str]) -> None:
        given = list(values)
        # A receiver names the token alone where "Bearer " and the token were given as one value.
        words = (word for value in given for word in value.split())
        self._values = tuple(value for value in dict.fromkeys([*given, *words]) if len(value) >= SHORTEST)

    def also(self, *values: str) -> "Redactor":
        """Return one that masks these values too."""
        return Redactor([*self._values, *values])

    @cached_property
    def _needles(self) -> tuple[str, ...]:
        # Longest first: a short form may be part of a longer one.
        return tuple(sorted({form for value in self._values for form in _forms(value)}, key=len, reverse=True))

    def text(self, text: str, *, cut: bool = False) -> str:
        """Return the text with every known value masked. `cut`: its end was cut off, perhaps in the midst of one."""
        if not self._values:
            return text
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, MASK)
        return self._mask_cut_end(text) if cut else text

    def _mask_cut_end(self, text: str) -> str:
        for needle in self._needles:
            for length in range(min(len(needle) - 1, len(text)), SHORTEST // 2 - 1, -1):
                if text.endswith(needle[:length]):
                    return text[:-length] + MASK
        return text

    def body(self, body: bytes, *, cut: bool = False) -> str:
        """Return an answer's body as text that may be stored: masked, and without the NUL that PostgreSQL refuses."""
        text = body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        return self.text(text, cut=cut)

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[list[str]]:
        """Return an answer's headers masked. Cookies are the receiver's own secrets and are masked whole."""
        return [[name, MASK if name.lower() == "set-cookie" else self.text(_clean(value))] for name, value in headers]

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._values)} values>"


def _clean(value: str) -> str:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _forms(value: str) -> set[str]:
    # Half of a surrogate pair can't be written in an address: JSON is the one place where it can stand.
    raw, in_json = value.encode("utf-8", "replace"), json.dumps(value)[1:-1]
    in_url = quote(raw, safe="")
    return {
        value,
        in_json,
        in_json.replace("/", "\\/"),
        html.escape(value),
        in_url,
        re.sub("%..", lambda octet: octet[0].lower(), in_url),
        quote_plus(raw),
        raw.hex(),
        raw.hex().upper(),
        *_in_base64(raw),
    }


def _in_base64(raw: bytes) -> Iterator[str]:
    """By itself, and amid other words: then its first and last letters depend on those, the rest does not."""
    whole = base64.b64encode(raw).decode()
    yield from (whole, whole.rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("="))
    for shift in range(3):
        middle = base64.b64encode(b" " * shift + raw)[4 * bool(shift) : -4]
        if len(middle) >= SHORTEST:
            yield middle.decode()
            yield middle.translate(_URL_SAFE).decode()


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
