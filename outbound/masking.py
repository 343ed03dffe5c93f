"""How values that must not be read look to those who must not read them."""

from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

MASK = "••••••••"


def is_mask(text: str) -> bool:
    """Whether a posted value is a mask sent back untouched, which means "unchanged"."""
    return bool(text) and not text.strip("•")


def masked_url(url: str) -> str:
    """Return the address with the values of its query masked, its names kept. Never raises."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    if not parts.query:
        return url
    pairs = (pair.partition("=") for pair in parts.query.split("&"))
    query = "&".join(f"{name}={MASK}" if equals else MASK for name, equals, _value in pairs)
    return urlunsplit(parts._replace(query=query))


def query_values(url: str) -> Iterator[str]:
    """Yield what `masked_url` masks, as it is written and as a receiver reads it. Never raises."""
    try:
        query = urlsplit(url).query
    except ValueError:
        return
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        written = value if equals else name
        yield from dict.fromkeys((written, unquote(written), unquote_plus(written)))
