"""How a transfer ended: from what libcurl and the callbacks know to a Result."""

import time
from contextlib import suppress
from dataclasses import dataclass
from ssl import cert_time_to_seconds
from typing import Final

import pycurl

from outbound import outcomes
from outbound.callbacks import Seen
from outbound.faults import Fault, outcome_of, safe_words
from outbound.job import Job
from outbound.transfer import Result, Timing

KEEP_HEADER_BYTES: Final = 8 * 1024
HUNG_UP: Final = -1  # a code of our own beside libcurl's: we ended the transfer


@dataclass(slots=True)
class Ending:
    """A transfer that is over. `code` and `words` are libcurl's (0: well), or HUNG_UP."""

    curl: pycurl.Curl
    job: Job
    seen: Seen
    code: int
    words: str

    def result(self) -> Result:
        result = Result()
        self._add_connection(result)
        result.timing = self._timing()
        if self.seen.answered:
            self._add_answer(result)
        else:
            result.error, result.detail = self._explain()
        if self.job.request.inspect_tls:
            result.tls_version = self.seen.tls_version
            result.certificate_expires_at = self._certificate_expires_at()
        return result

    def _add_answer(self, result: Result) -> None:
        result.status = self.seen.status
        result.headers = tuple(_parse_headers(self.seen.lines))
        result.body = bytes(self.seen.body)
        result.answer_cut = self.code != 0 or self.seen.body_length > len(self.seen.body)
        result.redirect_to_present = 300 <= self.seen.status < 400 and result.header("location") is not None

    def _add_connection(self, result: Result) -> None:
        assert self.job.target is not None
        result.address = self.seen.connected_to
        result.port = self.job.address.port
        result.private = self.job.target.is_private(self.seen.connected_to)
        result.reused = bool(self.seen.connected_to) and self.curl.getinfo(pycurl.NUM_CONNECTS) == 0
        result.sent = bool(self.seen.connected_to) and self.curl.getinfo(pycurl.REQUEST_SIZE) > 0

    def _timing(self) -> Timing:
        get = self.curl.getinfo
        connected, secured = get(pycurl.CONNECT_TIME), get(pycurl.APPCONNECT_TIME)
        asked, answered = get(pycurl.PRETRANSFER_TIME), get(pycurl.STARTTRANSFER_TIME)
        return Timing(
            dns=self.job.dns_seconds,
            connect=max(0.0, connected - get(pycurl.NAMELOOKUP_TIME)),
            tls=max(0.0, secured - connected),
            first_byte=max(0.0, answered - asked) if answered else 0.0,
            total=time.monotonic() - self.job.started_at,
        )

    def _explain(self) -> tuple[str, str]:
        if self.seen.refused:
            return outcomes.REFUSED_ADDRESS, ""
        if self.seen.repeated:
            return outcomes.CONNECTION_CLOSED, "The kept connection was closed before an answer came."
        if self.seen.too_large:
            return outcomes.ANSWER_HEADERS_TOO_LARGE, ""
        if self.code == pycurl.E_OK:
            # libcurl is content with a connection that ends in the middle of the headers; we are not.
            return (outcomes.NOT_HTTP if self.seen.malformed else outcomes.CONNECTION_CLOSED), ""
        get = self.curl.getinfo
        fault = Fault(
            code=self.code,
            words=self.words,
            os_errno=get(pycurl.OS_ERRNO),
            verify_result=get(pycurl.SSL_VERIFYRESULT),
            connected=bool(self.seen.connected_to) or get(pycurl.CONNECT_TIME) > 0,
            secured=bool(self.seen.connected_to),
        )
        return outcome_of(fault), safe_words(self.words)

    def _certificate_expires_at(self) -> float | None:
        # The chain, the receiver's own certificate first, each a list of (name, value).
        for certificate in self.curl.getinfo(pycurl.INFO_CERTINFO) or []:
            for name, value in certificate:
                if name == "Expire date":
                    with suppress(ValueError):
                        return float(cert_time_to_seconds(value))
        return None


def _parse_headers(lines: list[bytes]) -> list[tuple[str, str]]:
    """Header lines as pairs, at most KEEP_HEADER_BYTES of them; a folded line is dropped (RFC 9112, 5.2)."""
    found, size = [], 0
    for line in lines:
        size += len(line)
        name, colon, value = line.partition(b":")
        if colon and not name[:1].isspace() and size <= KEEP_HEADER_BYTES:
            found.append((name.decode("latin-1"), value.strip().decode("latin-1")))
    return found
