"""One easy handle of libcurl: what is set on it for every request, and for the request in hand."""

import time
from dataclasses import dataclass
from typing import Final

import pycurl

from outbound.callbacks import Callbacks
from outbound.ending import Ending
from outbound.job import Job
from outbound.kept import KeptSockets
from outbound.transfer import Request, Result

USER_AGENT: Final = "Gancho"
MAX_IDLE_SECONDS: Final = 60
MAX_AGE_SECONDS: Final = 300


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
    """

    def __init__(self, settings: ExchangeSettings, answering: dict[pycurl.Curl, float], kept: KeptSockets) -> None:
        self.special = settings.special
        self.ca_file = settings.ca_file
        self.curl = pycurl.Curl()
        self._set_constants()
        self.curl.setopt(pycurl.FORBID_REUSE, not settings.keep_connection)
        self._kept = kept
        self._callbacks = Callbacks(self.curl, answering, kept)
        self._fresh_connect = False

    # --- before the transfer --------------------------------------------------------------------------------------

    def prepare(self, job: Job) -> None:
        """Set the handle up for a job whose target is known."""
        assert job.target is not None
        self._callbacks.begin(job)
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
        self._callbacks.begin(None)
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

    def _set_special(self, request: Request) -> None:
        self._set_method(request)
        if request.tls is not None:
            self._set_tls(request)
        if request.inspect_tls:
            self.curl.setopt(pycurl.OPT_CERTINFO, 1)
            self.curl.setopt(pycurl.FRESH_CONNECT, 1)
            self.curl.setopt(pycurl.VERBOSE, 1)
            self.curl.setopt(pycurl.DEBUGFUNCTION, self._callbacks.on_debug)

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

    # --- after the transfer ---------------------------------------------------------------------------------------

    @property
    def connecting(self) -> bool:
        """True while the request has no connection yet: with one, libcurl sends it at once."""
        return not self._callbacks.seen.connected_to

    @property
    def may_start_afresh(self) -> bool:
        """True if nothing was sent because the kept connection is dead, or leads where the name no longer does."""
        job, seen = self._callbacks.job, self._callbacks.seen
        return (seen.refused or seen.dead) and job is not None and not job.fresh and not seen.connected_to

    def result(self, code: int, words: str) -> Result:
        """What came of the job. `code` is libcurl's (0: well) or HUNG_UP."""
        job, seen = self._callbacks.job, self._callbacks.seen
        assert job is not None
        if (descriptor := self.curl.getinfo(pycurl.ACTIVESOCKET)) >= 0:
            self._kept.remember(seen.ends, descriptor)
        return Ending(self.curl, job, seen, code, words).result()


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
