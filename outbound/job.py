"""A request on its way through a pool, and what is checked before it sets out."""

from dataclasses import dataclass
from typing import Any, Final

from outbound import outcomes
from outbound.addresses import Address
from outbound.errors import HeaderRefused, OutboundError
from outbound.headers import write_lines
from outbound.targets import Target
from outbound.transfer import READ_BYTES, Request

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class Job:
    """What was asked, and what has been found out so far.

    Times are of time.monotonic(). `lines` are the checked headers. `target` is None until the name is resolved
    and judged. `prompt`: `Pool.press` waits until it is out.
    """

    request: Request
    tag: Any
    address: Address
    lines: list[str]
    started_at: float
    deadline_at: float
    target: Target | None = None
    dns_seconds: float = 0.0
    fresh: bool = False
    prompt: bool = False


def check_request(request: Request) -> None:
    """Raise ValueError for what only a mistake of ours can cause."""
    if request.method not in METHODS:
        raise ValueError("no such method")
    if not 0 <= request.keep_bytes <= READ_BYTES:
        raise ValueError("keep_bytes is out of range")
    if request.deadline_seconds is not None and not request.deadline_seconds > 0:
        raise ValueError("deadline_seconds must be more than 0")


def header_lines(request: Request) -> list[str]:
    """The request's headers for libcurl, checked; raises HeaderRefused."""
    lines, names = write_lines(request.headers)
    lines.append("Expect:")  # libcurl would ask leave to send large bodies, and wait
    if "content-type" not in names:
        lines.append("Content-Type:")  # libcurl would call every body a form
    return lines


def outcome_of_refusal(refusal: OutboundError) -> str:
    """The outcome code of a request that was refused before anything was done."""
    if refusal.code in outcomes.OUTCOMES:
        return refusal.code
    return outcomes.HEADER_REFUSED if isinstance(refusal, HeaderRefused) else outcomes.ADDRESS_INVALID
