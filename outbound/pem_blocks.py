"""The blocks of a PEM text (RFC 7468), found in one pass: what participants upload is read by it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_MARK = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----")


class Block(NamedTuple):
    """`text` is the block with its two lines, `inner` what stands between them."""

    label: str
    text: str
    inner: str


def find_blocks(text: str) -> Iterator[Block]:
    """Yield every block that has an end of its own before another one begins. What stands around them is passed over.

    A pattern for a whole block would look for the end of each beginning through all the text.
    """
    begin = None
    for mark in _MARK.finditer(text):
        if mark[1] == "BEGIN":
            begin = mark
            continue
        if begin is not None and begin[2] == mark[2]:
            yield Block(mark[2], text[begin.start() : mark.end()], text[begin.end() : mark.start()])
        begin = None
