"""How much work an encrypted private key asks for before its password can even be tried (RFC 8018, 7914, 7292).

The file says it, and whoever made the file chose it: a thousand million rounds would keep a thread busy for an hour,
scrypt with large numbers would take all the memory.
"""

import re
from collections.abc import Iterator
from typing import Final

# More than is recommended today for a password that is typed; about a second, in which nothing else runs here.
MAX_ROUNDS: Final = 1_000_000
# N x r x p of RFC 7914: 128 MiB.
MAX_SCRYPT: Final = 2**20

# The identifiers of PBKDF2, of the older schemes of PKCS#5 and PKCS#12, and of scrypt, each before its SEQUENCE.
_ROUNDS = re.compile(rb"\x2a\x86\x48\x86\xf7\x0d\x01(?:\x05|\x0c\x01)[\x01-\x0c](?=\x30)", re.DOTALL)
_SCRYPT = re.compile(rb"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b(?=\x30)")
_SEQUENCE, _OCTETS, _INTEGER = 0x30, 0x04, 0x02


def asks_too_much(der: bytes) -> bool:
    """Whether a PKCS#8 file (its DER) asks for more work than anybody needs."""
    rounds = [next(_numbers(der, match.end()), 0) for match in _ROUNDS.finditer(der)]
    costs = [_product(_numbers(der, match.end())) for match in _SCRYPT.finditer(der)]
    return any(number > MAX_ROUNDS for number in rounds) or any(cost > MAX_SCRYPT for cost in costs)


def _numbers(der: bytes, at: int) -> Iterator[int]:
    """The integers that follow the salt in the SEQUENCE that begins at `at`; none if it is something else."""
    tag, content, _after = _read(der, at)
    tag, _salt, at = _read(content, 0) if tag == _SEQUENCE else (0, b"", 0)
    while tag in (_OCTETS, _INTEGER):
        tag, value, at = _read(content, at)
        if tag == _INTEGER:
            yield int.from_bytes(value, "big")


def _product(numbers: Iterator[int]) -> int:
    cost = 1
    for _index, number in zip(range(3), numbers, strict=False):
        cost *= number
    return cost


def _read(der: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag, content and end of the element at `at`; tag 0 where there is none."""
    if at + 2 > len(der):
        return 0, b"", at
    tag, length, at = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(der[at : at + size], "big"), at + size
    return tag, der[at : at + length], at + length
