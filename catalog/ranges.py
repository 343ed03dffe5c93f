"""Which bytes of a file a Range header asks for (RFC 9110, section 14).

Pure. Only the unit "bytes" is known.
"""

import re
from dataclasses import dataclass

# Enough for download managers; more is somebody trying to make us seek a thousand times for one request.
MOST_RANGES = 10

_RANGES = re.compile(r"bytes\s*=\s*(.+)", re.IGNORECASE | re.ASCII)
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class Unsatisfiable(Exception):
    """None of the ranges asked for lies within the file: the answer is 416."""


@dataclass(frozen=True, order=True)
class ByteRange:
    """The bytes `first` to `last` of a file, both inclusive."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def parse_ranges(header: str, size: int) -> list[ByteRange] | None:
    """Return the ranges of a file of `size` bytes, or None where the whole file must be sent.

    None: no header, another unit, bad syntax or more than MOST_RANGES ranges, all of which RFC 9110 lets a server
    ignore. Ranges beyond the end are left out; ranges that touch or overlap are sent as one (14.2: else one request
    could ask for the same bytes many times). Raises Unsatisfiable when nothing is left.
    """
    match = _RANGES.fullmatch(header.strip())
    if not match:
        return None
    specs = [spec.strip() for spec in match[1].split(",") if spec.strip()]
    parsed = [_RANGE.fullmatch(spec) for spec in specs]
    if not specs or len(specs) > MOST_RANGES:
        return None
    ranges = []
    for spec in parsed:
        if spec is None or not _well_formed(spec[1], spec[2]):
            return None
        if found := _within(spec[1], spec[2], size):
            ranges.append(found)
    if not ranges:
        raise Unsatisfiable
    return _merge_if_touching(ranges)


def _well_formed(first: str, last: str) -> bool:
    if first and last:
        return int(first) <= int(last)
    return bool(first or last)


def _within(first: str, last: str, size: int) -> ByteRange | None:
    if not first:
        length = min(int(last), size)
        return ByteRange(size - length, size - 1) if length else None
    if int(first) >= size:
        return None
    return ByteRange(int(first), min(int(last), size - 1) if last else size - 1)


def _merge_if_touching(ranges: list[ByteRange]) -> list[ByteRange]:
    merged: list[ByteRange] = []
    for one in sorted(ranges):
        if merged and one.first <= merged[-1].last + 1:
            merged[-1] = ByteRange(merged[-1].first, max(merged[-1].last, one.last))
        else:
            merged.append(one)
    # Nothing touched: the order of the request is kept, as the reader may depend on it.
    return merged if len(merged) < len(ranges) else ranges
