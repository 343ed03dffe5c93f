"""A requests Session for libraries that insist on one (requests-oauthlib). Its only adapter goes through our door.

Which schemes may be called is decided by the door (PORTAL_OUTBOUND_ALLOW_HTTP), for token endpoints as for every other
address. A library with a rule of its own (oauthlib refuses http) is to be answered by that rule, not by its switch in
the environment, which would hold for the whole process.
"""

from http.cookiejar import DefaultCookiePolicy
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from outbound import outcomes
from outbound.addresses import check_url
from outbound.client import send
from outbound.errors import Refused
from outbound.headers import is_transport
from outbound.job import outcome_of_refusal
from outbound.transfer import READ_BYTES, Request, Result, Tls

_TIMEOUTS = frozenset(
    {outcomes.TIMEOUT_CONNECTING, outcomes.TIMEOUT_TLS, outcomes.TIMEOUT_WAITING, outcomes.DNS_TIMEOUT}
)


class GuardedError(requests.RequestException):
    """A request through the door that brought no answer that may be used. `result` tells what happened."""

    def __init__(self, result: Result, code: str) -> None:
        super().__init__(code)
        self.result = result
        self.code = code


class RedirectRefused(GuardedError):
    """The answer was a redirect. The Session, not its adapter, would follow it, with the request's secrets."""


class GuardedTimeout(GuardedError, requests.Timeout):
    """The deadline passed."""


class GuardedSession(requests.Session):
    """Keeps no cookies, reads no environment, follows nothing; each request is a transfer of `outbound.client.send`."""

    def __init__(self, *, deadline_seconds: float, tls: Tls | None = None, inspect_tls: bool = False) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self.headers = CaseInsensitiveDict()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        self._adapter = GuardedAdapter(deadline_seconds=deadline_seconds, tls=tls, inspect_tls=inspect_tls)
        for prefix in ("https://", "http://"):
            self.mount(prefix, self._adapter)

    @property
    def exchanged(self) -> tuple[Request, Result] | None:
        """What went through the door last, and what came of it; None when nothing got that far."""
        return self._adapter.exchanged

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Judge the address as it was given: requests would take port 0 for the default one, and mend other things."""
        try:
            check_url(_text(request.url or ""))
        except Refused as refusal:
            code = outcome_of_refusal(refusal)
            raise GuardedError(Result(error=code, detail=refusal.code), code) from None
        try:
            return super().prepare_request(request)
        except requests.RequestException as refusal:
            # What our rules let pass and requests' own don't: its messages may quote what it was given.
            name = type(refusal).__name__
            raise GuardedError(Result(error=outcomes.ADDRESS_INVALID, detail=name), outcomes.ADDRESS_INVALID) from None

    def get_adapter(self, url: str) -> BaseAdapter:
        """The guarded adapter, whatever somebody mounted since: another one would be another door."""
        super().get_adapter(url)  # raises InvalidSchema for what is neither http nor https
        return self._adapter


class GuardedAdapter(BaseAdapter):
    """Turns requests' objects into ours and back. Of its settings only `timeout` counts, and only downwards."""

    def __init__(self, *, deadline_seconds: float, tls: Tls | None, inspect_tls: bool) -> None:
        super().__init__()
        self.exchanged: tuple[Request, Result] | None = None
        self._deadline_seconds = deadline_seconds
        self._tls = tls
        self._inspect_tls = inspect_tls

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send; raises GuardedError for every failure, every 3xx and every body longer than READ_BYTES."""
        timeout = kwargs.get("timeout")
        translated = self._translate(request, timeout)
        result = send(translated)
        self.exchanged = (translated, result)
        if result.error is not None:
            raise (GuardedTimeout if result.error in _TIMEOUTS else GuardedError)(result, result.error)
        if result.status is None or 300 <= result.status < 400:
            raise RedirectRefused(result, "redirect_refused")
        if result.answer_cut:
            raise GuardedError(result, "answer_too_large")
        return _to_response(result, request)

    def close(self) -> None:
        """Nothing is kept open."""

    def _translate(self, request: requests.PreparedRequest, timeout: Any) -> Request:
        # requests adds framing headers of its own, which libcurl writes itself.
        headers = tuple((_text(name), _text(value)) for name, value in request.headers.items())
        return Request(
            method=request.method or "GET",
            url=request.url or "",
            headers=tuple((name, value) for name, value in headers if not is_transport(name)),
            body=_body_of(request),
            deadline_seconds=_shorter(self._deadline_seconds, timeout),
            tls=self._tls,
            inspect_tls=self._inspect_tls,
            keep_bytes=READ_BYTES,
        )


def guarded_session(deadline_seconds: float, *, tls: Tls | None = None) -> requests.Session:
    """A Session whose every request ends within `deadline_seconds` in all, look-up and TLS included."""
    return GuardedSession(deadline_seconds=deadline_seconds, tls=tls)


def _body_of(request: requests.PreparedRequest) -> bytes:
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    raise TypeError("a guarded session sends text and bytes only")


def _shorter(deadline_seconds: float, timeout: Any) -> float:
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    given = [float(part) for part in parts if part is not None]
    return min([deadline_seconds, sum(given)]) if given else deadline_seconds


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _to_response(result: Result, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = result.status or 0
    response.headers = CaseInsensitiveDict(result.headers)
    # Not what the answer says: Python knows encodings that raise, and others that are no encodings.
    response.encoding = "utf-8"
    response.raw = BytesIO(result.body)
    response.url = request.url or ""
    response.request = request
    return response
