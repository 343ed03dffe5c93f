"""One token request from beginning to end: written, sent, its answer read, and the whole told without a secret."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from traceback import extract_tb
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import structlog
from django.conf import settings

from connections.answers import read_answer
from connections.calls import TokenCall, send_call
from connections.errors import CannotUse
from connections.failures import CONNECTION_INCOMPLETE, NO_ANSWER, TOO_LARGE, TokenFailure
from connections.kinds import registry
from connections.kinds.kind import Kind
from connections.reading import read_token
from connections.source import Token, TokenExchange, TokenSource
from outbound.headers import MAX_VALUE
from outbound.masking import MASK
from outbound.redaction import Redactor
from outbound.trace import describe_request, describe_result, describe_unsent
from outbound.transfer import KEEP_BYTES, Request, Result

logger = structlog.get_logger(__name__)

# Fields of a token request and of its answer whose values are no secrets.
_PLAIN_REQUEST: Final = frozenset(
    {"grant_type", "client_id", "client_assertion_type", "scope", "audience", "resource", "authorization_details"}
)
_PLAIN_ANSWER: Final = frozenset(
    {"token_type", "expires_in", "scope", "error", "error_description", "error_uri", "authorization_details"}
)
_CREDENTIAL_HEADERS: Final = frozenset({"authorization", "proxy-authorization"})
# Longer than words are; a token among them has a digit in it.
_RUN = re.compile(r"[A-Za-z0-9_\-+/=.~]{16,}", re.ASCII)


def deadline_seconds() -> float:
    """How long a token request may take in all."""
    return float(settings.PORTAL_TOKEN_DEADLINE_SECONDS)


def ask(source: TokenSource, *, now: datetime) -> TokenExchange:
    """Ask the token endpoint, and wait. Nothing is raised: what nobody thought of is a failure like any other, so that
    it is counted, remembered and shown, and not tried again for ever."""
    try:
        kind = _kind_of(source)
        call = kind.token_call(source, now)
        sent = send_call(call, deadline_seconds=deadline_seconds())
    except CannotUse as cannot:
        return _without_exchange(source, TokenFailure(cannot.code, cannot.detail))
    except Exception as error:  # noqa: BLE001 (told as a failure, and logged)
        return _without_exchange(source, _mistake(CONNECTION_INCOMPLETE, source, error))
    try:
        return _Telling(source, call, kind, now).tell(*sent)
    except Exception as error:  # noqa: BLE001 (as above)
        return _without_exchange(source, _mistake(NO_ANSWER, source, error))


def _without_exchange(source: TokenSource, failure: TokenFailure) -> TokenExchange:
    return TokenExchange(token=None, failure=failure, exchange=describe_unsent(source.token_url, failure.code))


def _mistake(code: str, source: TokenSource, error: Exception) -> TokenFailure:
    """Its message and its variables may hold a secret: only its type is told, and where it came from."""
    name, frames = type(error).__name__, extract_tb(error.__traceback__)
    place = f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""
    logger.error("tokens.mistake", error=name, place=place, kind=source.kind, connection=source.connection_id)
    return TokenFailure(code, name)


def _kind_of(source: TokenSource) -> Kind:
    try:
        return registry.get(source.kind)
    except KeyError:
        raise CannotUse(CONNECTION_INCOMPLETE, "kind") from None


@dataclass(frozen=True)
class _Telling:
    """How the answer of one token request is read, and the whole written down."""

    source: TokenSource
    call: TokenCall
    kind: Kind
    asked_at: datetime

    def tell(self, request: Request, result: Result) -> TokenExchange:
        answer = self._read(result)
        exchange = self._describe(request, result, answer)
        if isinstance(answer, Token):
            return TokenExchange(token=answer, failure=None, exchange=exchange)
        return TokenExchange(token=None, failure=answer, exchange=exchange)

    def _read(self, result: Result) -> Token | TokenFailure:
        answer = read_answer(
            result,
            asked_at=self.asked_at,
            longest_life_seconds=self.kind.longest_life_seconds(self.source),
            redactor=self._redactor(),
        )
        if isinstance(answer, Token) and len(answer.value) > MAX_VALUE - len("Bearer ") and not self.source.arguments:
            # No header takes it. A run by hand only shows it.
            return TokenFailure(TOO_LARGE, str(len(answer.value)), result.status)
        return answer

    def _redactor(self, *more: str) -> Redactor:
        return Redactor([*self.source.secret_values, *self.call.secrets, *more])

    def _describe(self, request: Request, result: Result, answer: Token | TokenFailure) -> dict[str, Any]:
        redactor = self._redactor(answer.value if isinstance(answer, Token) else "")
        hidden = self.call.secret_headers | _CREDENTIAL_HEADERS
        headers = [[name, MASK if name.lower() in hidden else redactor.text(text)] for name, text in request.headers]
        body = redactor.text(self._sent_body(request.body))
        told = describe_request(request.method, request.url, headers, body)
        answered = redactor.text(masked_answer(result.body))
        return (
            {"request": told}
            | describe_result(result, redactor, body=answered[:KEEP_BYTES])
            | self._outcome(result, answer)
        )

    def _sent_body(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        if self.call.grant_type:
            pairs = parse_qsl(text, keep_blank_values=True)
            return urlencode(
                [(name, value if name in _PLAIN_REQUEST else MASK) for name, value in pairs], safe=f"{MASK} "
            )
        return mask_json(text, frozenset())

    def _outcome(self, result: Result, answer: Token | TokenFailure) -> dict[str, Any]:
        if isinstance(answer, TokenFailure):
            return {"failure": {"code": answer.code, "detail": answer.detail}}
        # What a private network answered is nobody's to look at, nor what it looks like.
        form = {"form": read_token(answer.value).form.value, "characters": len(answer.value)}
        return {"token": describe_token(answer) | ({} if result.private else form)}


def describe_token(token: Token) -> dict[str, Any]:
    """Return what may always be told of a token: its type and its times."""
    return {
        "type": token.type,
        "obtained_at": token.obtained_at.isoformat(),
        "refresh_at": token.refresh_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else "",
        "seconds": round((token.expires_at - token.obtained_at).total_seconds()) if token.expires_at else None,
    }


def masked_answer(body: bytes) -> str:
    """Return an answer's body with every value masked that may be a token or another secret."""
    text = body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return mask_json(text, _PLAIN_ANSWER)


def mask_json(text: str, plain: frozenset[str]) -> str:
    """Return a JSON text with all values masked but those of the names in `plain`. In other text, every run of letters
    that may be a token is masked."""
    try:
        told = json.dumps(_masked(json.loads(text), plain), ensure_ascii=False)
    except (ValueError, RecursionError):
        return _RUN.sub(_mask_run, text)
    # Half of a surrogate pair can stand in JSON, but in no database.
    return told.encode("utf-8", "replace").decode()


def _mask_run(run: re.Match[str]) -> str:
    return MASK if any(letter.isdigit() for letter in run[0]) else run[0]


def _masked(value: Any, plain: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: item if name in plain else _masked(item, plain) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, plain) for item in value]
    return value if value is None or isinstance(value, bool) else MASK
