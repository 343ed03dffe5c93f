"""What people typed, as it may stand in a mail. Pure."""

import re
from typing import Any

LONGEST = 300
# Control characters and line ends, what turns the direction of the words that follow, and halves of characters.
_NOT_IN_A_LINE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Return a text in one line: it can neither end a header nor write lines that look like ours."""
    return _NOT_IN_A_LINE.sub(" ", text).strip()


def clean(value: Any) -> Any:
    """Return a text in one line and of bounded length, any other value as it is."""
    return one_line(value)[:LONGEST] if isinstance(value, str) else value
