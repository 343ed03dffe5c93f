"""What goes through the door and what comes back: plain values, without behaviour. No repr shows a secret."""

from dataclasses import dataclass, field
from typing import Final

READ_BYTES: Final = 64 * 1024
KEEP_BYTES: Final = 4 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Tls:
    """TLS material of one webhook, as PEM text. An empty string means "not used".

    With `ca_pem` only the authorities in it count; the usual ones do not.
    """

    ca_pem: str = ""
    client_cert_pem: str = ""
    client_key_pem: str = ""

    def __repr__(self) -> str:
        return f"<Tls own_authority={bool(self.ca_pem)} client_certificate={bool(self.client_cert_pem)}>"


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One HTTP request.

    `deadline_seconds` covers everything, name look-up and TLS included; None means PORTAL_OUTBOUND_DEADLINE_SECONDS.
    `not_after` (time.monotonic() seconds): not started later than this, see `outcomes.NOT_STARTED`.
    `inspect_tls`: also report the TLS version and the certificate's expiry; costs a new connection.
    `keep_bytes`: how much of the answer's body to keep, at most READ_BYTES.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    deadline_seconds: float | None = None
    tls: Tls | None = None
    not_after: float | None = None
    inspect_tls: bool = False
    keep_bytes: int = KEEP_BYTES

    def __repr__(self) -> str:
        return f"<Request {self.method} ({len(self.headers)} headers, {len(self.body)} bytes)>"


@dataclass(slots=True)
class Timing:
    """Seconds spent in each phase. A phase that did not happen (a kept connection, a cached name) is 0."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0  # from the request being sent to the first byte of the answer
    total: float = 0.0


@dataclass(slots=True)
class Result:
    """What came of one request.

    Either `status` is set (the answer's headers came in whole; whatever happened to its body, `error` is None),
    or `error` is one of `outcomes.OUTCOMES`. `answer_cut`: `body` is not the whole body of the answer.
    `sent` False proves that no byte of the request left this machine. `private`: the address is callable only
    because the operator allowed its network; do not show `body` and `headers` to participants then.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    answer_cut: bool = False
    error: str | None = None
    detail: str = field(default="", repr=False)
    address: str = ""
    port: int = 0
    private: bool = False
    timing: Timing = field(default_factory=Timing)
    tls_version: str = ""
    certificate_expires_at: float | None = None  # seconds since 1970
    reused: bool = False
    sent: bool = False
    redirect_to_present: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header of the answer, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)
