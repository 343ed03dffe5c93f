"""One easy handle of libcurl, the callbacks that guard it, and what they saw of the transfer in hand."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from ssl import cert_time_to_seconds
from typing import Any, Final

import pycurl

from outbound import outcomes
from outbound.addresses import Address
from outbound.faults import Fault, outcome_of, safe_words
from outbound.kept import Ends, KeptSockets
from outbound.sockets import open_socket
from outbound.targets import Target
from outbound.transfer import READ_BYTES, Request, Result, Timing

USER_AGENT: Final = "Gancho"
MAX_IDLE_SECONDS: Final = 60
MAX_AGE_SECONDS: Final = 300
KEEP_HEADER_BYTES: Final = 8 * 1024
HUNG_UP: Final = -1  # a code of our own beside libcurl's: we ended the transfer

_TLS_VERSION = re.compile(r"SSL connection using (TLSv[0-9.]+)")
_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([1-9][0-9][0-9])(?![0-9A-Za-z])")
_INFOTYPE_TEXT = 0


@dataclass(slots=True)
class Job:
    """A request on its way through the pool: what was asked, and what has been found out so far.

    Times are of time.monotonic(). `lines` are the checked headers. `target` is None until the name is resolved
    and judged.
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


@dataclass(slots=True)
class _Seen:
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


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """What differs between handles. `special`: serves one request only."""

    ca_file: str
    special: bool
    keep_connection: bool


class Exchange:
    """An easy handle with everything set that is equal for all requests, serving one Job after the other.

    A handle with `special` settings (TLS material, methods other than POST) serves one request and is thrown away,
    so that nothing of it can reach the next one. The others overwrite all that differs, and forget it afterwards.
    `answering` and `kept` are the pool's: an exchange enters itself in the first with the moment when an answer's
    headers are complete, and its connection in the second.
    """

    def __init__(self, settings: ExchangeSettings, answering: dict["Exchange", float], kept: KeptSockets) -> None:
        self.special = settings.special
        self.ca_file = settings.ca_file
        self.curl = pycurl.Curl()
        self._set_constants()
        self.curl.setopt(pycurl.FORBID_REUSE, not settings.keep_connection)
        self._answering = answering
        self._kept = kept
        self._job: Job | None = None
        self._seen = _Seen()
        self._fresh_connect = False

    # --- before the transfer --------------------------------------------------------------------------------------

    def prepare(self, job: Job) -> None:
        """Set the handle up for a job whose target is known."""
        assert job.target is not None
        self._job = job
        self._seen = _Seen()
        curl = self.curl
        curl.setopt(pycurl.URL, job.address.url)
        curl.setopt(pycurl.HTTPHEADER, job.lines)
        curl.setopt(pycurl.RESOLVE, [job.target.resolve_entry] if job.target.resolve_entry else [])
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int((job.deadline_at - time.monotonic()) * 1000)))
        if job.fresh != self._fresh_connect:
            curl.setopt(pycurl.FRESH_CONNECT, job.fresh)
            self._fresh_connect = job.fresh
        if self.special:
            self._set_special(job.request)
        else:
            curl.setopt(pycurl.POSTFIELDS, job.request.body)

    def forget(self) -> None:
        """Drop all that belonged to the last request. Afterwards the handle is as good as new, or closed."""
        self._job = None
        self._seen = _Seen()
        if self.special:
            self.curl.close()
            return
        self.curl.setopt(pycurl.URL, "")
        self.curl.setopt(pycurl.POSTFIELDS, b"")
        self.curl.unsetopt(pycurl.HTTPHEADER)
        self.curl.unsetopt(pycurl.RESOLVE)

    def _set_constants(self) -> None:
        for option, value in _CONSTANTS:
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.CAINFO, self.ca_file)
        self.curl.unsetopt(pycurl.CAPATH)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._on_open_socket)
        self.curl.setopt(pycurl.PREREQFUNCTION, self._on_connected)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._on_body)

    def _set_special(self, request: Request) -> None:
        self._set_method(request)
        if request.tls is not None:
            self._set_tls(request)
        if request.inspect_tls:
            self.curl.setopt(pycurl.OPT_CERTINFO, 1)
            self.curl.setopt(pycurl.FRESH_CONNECT, 1)
            self.curl.setopt(pycurl.VERBOSE, 1)
            self.curl.setopt(pycurl.DEBUGFUNCTION, self._on_debug)

    def _set_method(self, request: Request) -> None:
        if request.method == "HEAD":
            self.curl.setopt(pycurl.NOBODY, 1)
        elif request.method == "GET" and not request.body:
            self.curl.setopt(pycurl.HTTPGET, 1)
        else:
            self.curl.setopt(pycurl.POSTFIELDS, request.body)
            self.curl.setopt(pycurl.CUSTOMREQUEST, request.method)

    def _set_tls(self, request: Request) -> None:
        tls = request.tls
        assert tls is not None
        # A resumed session would carry one webhook's client certificate, or its trust, over to another's request.
        self.curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
        if tls.ca_pem:
            self.curl.unsetopt(pycurl.CAINFO)
            self.curl.setopt(pycurl.CAINFO_BLOB, tls.ca_pem.encode())
        if tls.client_cert_pem:
            self.curl.setopt(pycurl.SSLCERT_BLOB, tls.client_cert_pem.encode())
            self.curl.setopt(pycurl.SSLKEY_BLOB, tls.client_key_pem.encode())

    # --- callbacks, called by libcurl while the transfer runs -----------------------------------------------------

    def _on_open_socket(self, purpose: int, peer: Any) -> Any:
        target = self._job.target if self._job else None
        if purpose != pycurl.SOCKTYPE_IPCXN or target is None or not target.allows(peer.addr[0], peer.addr[1]):
            self._seen.refused = True
            return pycurl.SOCKET_BAD
        return open_socket(peer.family, peer.socktype, peer.protocol, (peer.addr[0], peer.addr[1]))

    def _on_connected(self, peer: str, _local: str, peer_port: int, local_port: int) -> int:
        job = self._job
        if self._seen.connected_to:
            # A kept connection died without an answer and libcurl would send the request again on a new one.
            # The receiver may have acted on the first: one attempt is one request.
            self._seen.repeated = True
            return pycurl.PREREQFUNC_ABORT
        if job is None or job.target is None or not job.target.allows(peer, peer_port):
            self._seen.refused = True
            return pycurl.PREREQFUNC_ABORT
        self._seen.ends = (peer, peer_port, local_port)
        if not job.fresh and self._kept.is_dead(self._seen.ends):
            self._seen.dead = True
            return pycurl.PREREQFUNC_ABORT
        self._seen.connected_to = peer
        return pycurl.PREREQFUNC_OK

    def _on_header(self, line: bytes) -> int | None:
        self._seen.read += len(line)
        if self._seen.read > READ_BYTES:
            self._seen.too_large = True
            return 0
        if self._seen.answered:
            return None  # a trailer
        if line.startswith(b"HTTP/"):
            self._seen.status_line = line
            self._seen.lines.clear()
        elif line in (b"\r\n", b"\n"):
            self._end_of_headers()
        else:
            self._seen.lines.append(line)
        return None

    def _end_of_headers(self) -> None:
        # libcurl takes the first three digits of "2000" for the status.
        match = _STATUS_LINE.match(self._seen.status_line)
        self._seen.malformed = match is None
        if match and match[1] >= b"200":
            self._seen.status = int(match[1])
            self._seen.answered = True
            self._answering[self] = time.monotonic()

    def _on_body(self, chunk: bytes) -> int | None:
        assert self._job is not None
        room = self._job.request.keep_bytes - len(self._seen.body)
        if room > 0:
            self._seen.body += chunk[:room]
        self._seen.body_length += len(chunk)
        self._seen.read += len(chunk)
        return 0 if self._seen.read > READ_BYTES else None

    def _on_debug(self, kind: int, data: bytes) -> None:
        if kind == _INFOTYPE_TEXT and (match := _TLS_VERSION.search(data.decode("latin-1"))):
            self._seen.tls_version = match[1]

    # --- after the transfer ---------------------------------------------------------------------------------------

    @property
    def may_start_afresh(self) -> bool:
        """True if nothing was sent because the kept connection is dead, or leads where the name no longer does."""
        unusable = self._seen.refused or self._seen.dead
        return unusable and self._job is not None and not self._job.fresh and not self._seen.connected_to

    def result(self, code: int, words: str) -> Result:
        """What came of the job. `code` is libcurl's (0: well) or HUNG_UP."""
        assert self._job is not None
        result = Result()
        self._add_connection(result)
        result.timing = self._timing()
        if self._seen.answered:
            self._add_answer(result, code)
        else:
            result.error, result.detail = self._explain(code, words)
        if self._job.request.inspect_tls:
            result.tls_version = self._seen.tls_version
            result.certificate_expires_at = self._certificate_expires_at()
        return result

    def _add_answer(self, result: Result, code: int) -> None:
        result.status = self._seen.status
        result.headers = tuple(_parse_headers(self._seen.lines))
        result.body = bytes(self._seen.body)
        result.answer_cut = code != 0 or self._seen.body_length > len(self._seen.body)
        result.redirect_to_present = 300 <= self._seen.status < 400 and result.header("location") is not None

    def _add_connection(self, result: Result) -> None:
        assert self._job is not None
        assert self._job.target is not None
        result.address = self._seen.connected_to
        result.port = self._job.address.port
        result.private = self._job.target.is_private(self._seen.connected_to)
        result.reused = bool(self._seen.connected_to) and self.curl.getinfo(pycurl.NUM_CONNECTS) == 0
        result.sent = bool(self._seen.connected_to) and self.curl.getinfo(pycurl.REQUEST_SIZE) > 0
        if (descriptor := self.curl.getinfo(pycurl.ACTIVESOCKET)) >= 0:
            self._kept.remember(self._seen.ends, descriptor)

    def _timing(self) -> Timing:
        assert self._job is not None
        get = self.curl.getinfo
        connected, secured = get(pycurl.CONNECT_TIME), get(pycurl.APPCONNECT_TIME)
        asked, answered = get(pycurl.PRETRANSFER_TIME), get(pycurl.STARTTRANSFER_TIME)
        return Timing(
            dns=self._job.dns_seconds,
            connect=max(0.0, connected - get(pycurl.NAMELOOKUP_TIME)),
            tls=max(0.0, secured - connected),
            first_byte=max(0.0, answered - asked) if answered else 0.0,
            total=time.monotonic() - self._job.started_at,
        )

    def _explain(self, code: int, words: str) -> tuple[str, str]:
        if self._seen.refused:
            return outcomes.REFUSED_ADDRESS, ""
        if self._seen.repeated:
            return outcomes.CONNECTION_CLOSED, "The kept connection was closed before an answer came."
        if self._seen.too_large:
            return outcomes.ANSWER_HEADERS_TOO_LARGE, ""
        if code == pycurl.E_OK:
            # libcurl is content with a connection that ends in the middle of the headers; we are not.
            return (outcomes.NOT_HTTP if self._seen.malformed else outcomes.CONNECTION_CLOSED), ""
        get = self.curl.getinfo
        fault = Fault(
            code=code,
            words=words,
            os_errno=get(pycurl.OS_ERRNO),
            verify_result=get(pycurl.SSL_VERIFYRESULT),
            connected=bool(self._seen.connected_to) or get(pycurl.CONNECT_TIME) > 0,
            secured=bool(self._seen.connected_to),
        )
        return outcome_of(fault), safe_words(words)

    def _certificate_expires_at(self) -> float | None:
        # The chain, the receiver's own certificate first, each a list of (name, value).
        for certificate in self.curl.getinfo(pycurl.INFO_CERTINFO) or []:
            for name, value in certificate:
                if name == "Expire date":
                    with suppress(ValueError):
                        return float(cert_time_to_seconds(value))
        return None


_CONSTANTS: Final = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.PROXY, ""),
    (pycurl.NOPROXY, "*"),
    (pycurl.NETRC, 0),
    (pycurl.HTTP_CONTENT_DECODING, 0),
    (pycurl.HTTP09_ALLOWED, 0),
    (pycurl.PATH_AS_IS, 1),
    (pycurl.USERAGENT, USER_AGENT),
    (pycurl.MAXAGE_CONN, MAX_IDLE_SECONDS),
    (pycurl.MAXLIFETIME_CONN, MAX_AGE_SECONDS),
    (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
    (pycurl.SSL_VERIFYPEER, 1),
    (pycurl.SSL_VERIFYHOST, 2),
)


def _parse_headers(lines: list[bytes]) -> list[tuple[str, str]]:
    """Header lines as pairs, at most KEEP_HEADER_BYTES of them; a folded line is dropped (RFC 9112, 5.2)."""
    found, size = [], 0
    for line in lines:
        size += len(line)
        name, colon, value = line.partition(b":")
        if colon and not name[:1].isspace() and size <= KEEP_HEADER_BYTES:
            found.append((name.decode("latin-1"), value.strip().decode("latin-1")))
    return found
