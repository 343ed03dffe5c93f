"""One token request: what it is made of, and sending it through the door.

Grants of OAuth 2 are written and sent by requests-oauthlib on our guarded session; the rest goes out as it is. The
answer is read by connections.answers, from what the door saw: the library's reading knows one kind of answer only,
raises on a lifetime that is no number, and writes the token to its log.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from outbound.client import send
from outbound.session import GuardedError, GuardedSession
from outbound.transfer import READ_BYTES, Request, Result, Tls

# It writes headers, bodies and tokens to its log at level DEBUG.
logging.getLogger("requests_oauthlib").setLevel(logging.INFO)

CONTENT_TYPE: Final = "Content-Type"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class TokenCall:
    """One token request. With `grant_type` its body is a form of these fields; without, `body` goes out as it is.
    `secrets`: further values to mask, such as an assertion made for this call. `secret_headers`: names in small
    letters."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    grant_type: str = ""
    form: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    tls: Tls | None = None
    secrets: tuple[str, ...] = ()
    secret_headers: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<TokenCall {self.grant_type or 'body'} ({len(self.headers)} headers)>"


def send_call(call: TokenCall, *, deadline_seconds: float) -> tuple[Request, Result]:
    """Send the request and wait; return it as it went out, and what came of it. Nothing is followed, and nothing raised
    but for a request that can't be written."""
    if call.grant_type:
        return _send_grant(call, deadline_seconds)
    request = Request(
        "POST",
        call.url,
        call.headers,
        call.body,
        deadline_seconds=deadline_seconds,
        tls=call.tls,
        inspect_tls=True,
        keep_bytes=READ_BYTES,
    )
    return request, send(request)


def _send_grant(call: TokenCall, deadline_seconds: float) -> tuple[Request, Result]:
    with _GrantSession(call, deadline_seconds=deadline_seconds) as session:
        try:
            session.fetch_token(
                _as_https(call.url),
                auth=lambda request: request,
                headers=dict(call.headers),
                include_client_id=False,
            )
        except GuardedError as error:
            unsent = Request("POST", call.url, call.headers, _form_of(call).encode())
            return session.exchanged or (unsent, error.result)
        except Exception:
            # The library reads the answer too, for which we have no use: it may choke on it.
            if session.exchanged is None:
                raise
        assert session.exchanged is not None
        return session.exchanged


class _GrantSession(OAuth2Session, GuardedSession):
    """requests-oauthlib's session, every request of which goes through the door."""

    def __init__(self, call: TokenCall, *, deadline_seconds: float) -> None:
        client = _GrantClient(call.grant_type)
        super().__init__(client=client, deadline_seconds=deadline_seconds, tls=call.tls, inspect_tls=True)
        self._call = call

    def prepare_request(self, request: Any) -> Any:
        # The library refuses http by a rule of its own and was shown an https address; ours decides about the real one.
        request.url = self._call.url
        # And it makes a dict of the form: of two fields of one name, such as RFC 8707's resource, one would be left.
        request.data = _form_of(self._call)
        return super().prepare_request(request)


class _GrantClient(BackendApplicationClient):
    """A client whose credentials are among the form's fields already."""

    def __init__(self, grant_type: str) -> None:
        super().__init__(client_id="")
        self.grant_type = grant_type

    def parse_request_body_response(self, body: str, scope: Any = None, **kwargs: Any) -> Any:
        """Leave the answer to connections.answers."""
        return {}


def _form_of(call: TokenCall) -> str:
    return urlencode((("grant_type", call.grant_type), *call.form))


def _as_https(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(scheme="https"))


def base_headers() -> tuple[tuple[str, str], ...]:
    """What every token request says besides: that JSON is wanted, and who is calling."""
    return (("Accept", "application/json"), ("User-Agent", f"Gancho/{settings.PORTAL_VERSION}"))
