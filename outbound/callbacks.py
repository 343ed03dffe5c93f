"""What libcurl asks and tells us while a transfer runs. Every connection is held to the addresses that were judged."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import pycurl

from outbound.job import Job
from outbound.kept import Ends, KeptSockets
from outbound.sockets import open_socket
from outbound.transfer import READ_BYTES

_TLS_VERSION = re.compile(r"SSL connection using (TLSv[0-9.]+)")
_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([1-9][0-9][0-9])(?![0-9A-Za-z])")
_INFOTYPE_TEXT = 0


@dataclass(slots=True)
class Seen:
    """What the callbacks saw of one transfer."""

    connected_to: str = ""
    ends: Ends = ("", 0, 0)
    refused: bool = False  # by our callbacks: libcurl only reports that it could not connect
    dead: bool = False
    repeated: bool = False
    too_large: bool = False
    malformed: bool = False
    answered: bool = False
    status: int = 0
    status_line: bytes = b""
    lines: list[bytes] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    body_length: int = 0
    read: int = 0
    tls_version: str = ""


class Callbacks:
    """The callbacks of one handle. `seen` is what they saw of the job in hand.

    `answering` is the pool's: the handle enters itself with the moment when an answer's headers are complete.
    """

    def __init__(self, curl: pycurl.Curl, answering: dict[pycurl.Curl, float], kept: KeptSockets) -> None:
        self._curl = curl
        self._answering = answering
        self._kept = kept
        self.job: Job | None = None
        self.seen = Seen()
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self.on_open_socket)
        curl.setopt(pycurl.PREREQFUNCTION, self.on_connected)
        curl.setopt(pycurl.HEADERFUNCTION, self.on_header)
        curl.setopt(pycurl.WRITEFUNCTION, self.on_body)

    def begin(self, job: Job | None) -> None:
        """Forget the last job; guard this one, or none."""
        self.job = job
        self.seen = Seen()

    def on_open_socket(self, purpose: int, peer: Any) -> Any:
        target = self.job.target if self.job else None
        if purpose != pycurl.SOCKTYPE_IPCXN or target is None or not target.allows(peer.addr[0], peer.addr[1]):
            self.seen.refused = True
            return pycurl.SOCKET_BAD
        return open_socket(peer.family, peer.socktype, peer.protocol, (peer.addr[0], peer.addr[1]))

    def on_connected(self, peer: str, _local: str, peer_port: int, local_port: int) -> int:
        job = self.job
        if self.seen.connected_to:
            # A kept connection died without an answer and libcurl would send the request again on a new one.
            # The receiver may have acted on the first: one attempt is one request.
            self.seen.repeated = True
            return pycurl.PREREQFUNC_ABORT
        if job is None or job.target is None or not job.target.allows(peer, peer_port):
            self.seen.refused = True
            return pycurl.PREREQFUNC_ABORT
        self.seen.ends = (peer, peer_port, local_port)
        if not job.fresh and self._kept.is_dead(self.seen.ends):
            self.seen.dead = True
            return pycurl.PREREQFUNC_ABORT
        self.seen.connected_to = peer
        return pycurl.PREREQFUNC_OK

    def on_header(self, line: bytes) -> int | None:
        self.seen.read += len(line)
        if self.seen.read > READ_BYTES:
            self.seen.too_large = True
            return 0
        if self.seen.answered:
            return None  # a trailer
        if line.startswith(b"HTTP/"):
            self.seen.status_line = line
            self.seen.lines.clear()
        elif line in (b"\r\n", b"\n"):
            self._end_of_headers()
        else:
            self.seen.lines.append(line)
        return None

    def _end_of_headers(self) -> None:
        # libcurl takes the first three digits of "2000" for the status.
        match = _STATUS_LINE.match(self.seen.status_line)
        self.seen.malformed = match is None
        if match and match[1] >= b"200":
            self.seen.status = int(match[1])
            self.seen.answered = True
            self._answering[self._curl] = time.monotonic()

    def on_body(self, chunk: bytes) -> int | None:
        assert self.job is not None
        room = self.job.request.keep_bytes - len(self.seen.body)
        if room > 0:
            self.seen.body += chunk[:room]
        self.seen.body_length += len(chunk)
        self.seen.read += len(chunk)
        return 0 if self.seen.read > READ_BYTES else None

    def on_debug(self, kind: int, data: bytes) -> None:
        if kind == _INFOTYPE_TEXT and (match := _TLS_VERSION.search(data.decode("latin-1"))):
            self.seen.tls_version = match[1]
