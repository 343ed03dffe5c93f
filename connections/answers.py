"""Reading what a token endpoint answered: a token with its times, or the reason why there is none.

Answers are written by people who have read RFC 6749 and by people who haven't: nothing in them is taken for granted,
and nothing is used past the end that they name.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeGuard

from connections import failures
from connections.failures import TokenFailure
from connections.reading import Form, read_token
from connections.source import Token
from outbound.redaction import Redactor
from outbound.transfer import READ_BYTES, Result

# In this order (UNICO-22): OAuth 2, then what servers of user and password for a JWT call it.
TOKEN_NAMES: Final = ("access_token", "token", "access", "id_token", "jwt")
BEARER: Final = "Bearer"
# Used when the answer doesn't say how long the token lives: long enough to spare the endpoint, short enough to notice.
UNKNOWN_LIFE_SECONDS: Final = 300
# Even a token that lives for years is renewed each day.
LONGEST_LIFE_SECONDS: Final = 86_400
REFRESH_SHARE: Final = 0.8
MAX_DETAIL: Final = 300

# RFC 6750 2.1: what may stand after "Bearer".
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
_BEARER_TYPES = frozenset({"", "bearer", "jwt", "n_a"})
_ERRORS: Final = {
    "invalid_client": failures.INVALID_CLIENT,
    "invalid_grant": failures.INVALID_GRANT,
    "invalid_request": failures.INVALID_REQUEST,
    "invalid_scope": failures.INVALID_SCOPE,
    "invalid_target": failures.INVALID_TARGET,
    "invalid_authorization_details": failures.INVALID_AUTHORIZATION_DETAILS,
    "unauthorized_client": failures.UNAUTHORIZED_CLIENT,
    "unsupported_grant_type": failures.UNSUPPORTED_GRANT_TYPE,
    "server_error": failures.SERVER_ERROR,
    "temporarily_unavailable": failures.SERVER_ERROR,
}


def read_answer(
    result: Result, *, asked_at: datetime, longest_life_seconds: int | None, redactor: Redactor
) -> Token | TokenFailure:
    """Return the token of an answer, or why there is none.

    `asked_at` is when the request set out: a life of n seconds counts from there. `longest_life_seconds`: what the
    participant allows. `redactor` masks what of the answer goes into a failure's detail.
    """
    status = result.status
    if status is None:
        error = result.error or ""
        return TokenFailure(failures.OF_OUTCOME.get(error, failures.NO_ANSWER), error)
    if 300 <= status < 400 or status < 200:
        return TokenFailure(failures.REDIRECTED, f"HTTP {status}", status)
    found = _read_body(result)
    if status >= 400:
        return _refusal(result, found, redactor)
    reading = _Reading(status, result.private, asked_at, longest_life_seconds, redactor)
    if result.answer_cut:
        return reading.fail(failures.TOO_LARGE if len(result.body) >= READ_BYTES else failures.ANSWER_UNREADABLE)
    return reading.token(found)


def _read_body(result: Result) -> Any:
    """The answer as JSON; a bare JWT as itself; None when it is neither."""
    text = result.body.decode("utf-8", "replace").lstrip("\N{ZERO WIDTH NO-BREAK SPACE}").strip()
    if _is_jwt(text):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_jwt(text: str) -> bool:
    return read_token(text).form != Form.OPAQUE


# --- refusals -----------------------------------------------------------------------------------------------------


def _refusal(result: Result, found: Any, redactor: Redactor) -> TokenFailure:
    status = result.status or 0
    error = found.get("error") if isinstance(found, dict) else None
    error = error if isinstance(error, str) else ""
    detail = _detail(status, "" if result.private else error, found, redactor)
    return TokenFailure(_code(status, error), detail, status, _retry_after(result))


def _code(status: int, error: str) -> str:
    if status == 429:
        return failures.RATE_LIMITED
    if status >= 500:
        return failures.SERVER_ERROR
    return _ERRORS.get(error, failures.REFUSED)


def _detail(status: int, error: str, found: Any, redactor: Redactor) -> str:
    """What the endpoint said about it, as RFC 6749 5.2 has it; `error` is empty when its words are not passed on."""
    if not error:
        return f"HTTP {status}"
    description = found.get("error_description")
    text = f"{error}: {description}" if isinstance(description, str) and description else error
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    # Masked first: a secret cut in two would no longer be recognised.
    return redactor.text(printable)[:MAX_DETAIL]


def _retry_after(result: Result) -> float | None:
    """Seconds to wait as a 429 or a 503 says it, in seconds or as a date (RFC 9110 10.2.3); None for anything else."""
    said = result.header("Retry-After")
    if result.status not in (429, 503) or said is None:
        return None
    said = said.strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        moment = parsedate_to_datetime(said)
        sent = parsedate_to_datetime(result.header("Date") or "")
        return max(0.0, (moment - sent).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


# --- tokens -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the times of a token depend on besides the answer."""

    status: int
    private: bool
    asked_at: datetime
    longest: int | None
    redactor: Redactor

    def token(self, found: Any) -> Token | TokenFailure:
        if isinstance(found, str) and _is_jwt(found):
            found = {"jwt": found}
        if not isinstance(found, dict):
            return self.fail(failures.ANSWER_UNREADABLE)
        values: dict[str, Any] = found
        value = next((values[name] for name in TOKEN_NAMES if isinstance(values.get(name), str) and values[name]), "")
        if not value and isinstance(error := values.get("error"), str):
            # A refusal in the clothes of a success.
            detail = _detail(self.status, "" if self.private else error, values, self.redactor)
            return TokenFailure(_code(400, error), detail, self.status)
        if not value:
            return self.fail(failures.MISSING)
        if not _B64TOKEN.fullmatch(value):
            return self.fail(failures.ANSWER_UNREADABLE, "token")
        kind = values.get("token_type")
        # RFC 6749 7.1: a token whose type one doesn't understand is not to be used.
        if isinstance(kind, str) and kind.strip().lower() not in _BEARER_TYPES:
            return self.fail(failures.ANSWER_UNREADABLE, "token_type")
        return self.timed(value, values.get("expires_in"))

    def timed(self, value: str, expires_in: Any) -> Token | TokenFailure:
        """Three may say how long it lives: the answer, the token itself, the participant. The shortest counts."""
        said = (_seconds(expires_in), _seconds_left(value, self.asked_at))
        lives = [life for life in said if life is not None]
        if lives and min(lives) <= 0:
            return self.fail(failures.EXPIRED, "exp")
        # The participant's time is kept to the letter; before an end that others set, a new token is there early.
        ends = [*lives, *([self.longest] if self.longest else [])]
        early = [life * REFRESH_SHARE for life in lives or ([] if self.longest else [UNKNOWN_LIFE_SECONDS])]
        return Token(
            value=value,
            type=BEARER,
            obtained_at=self.asked_at,
            refresh_at=self.asked_at + timedelta(seconds=min([*ends, *early])),
            expires_at=self.asked_at + timedelta(seconds=min(ends)) if ends else None,
        )

    def fail(self, code: str, detail: str = "") -> TokenFailure:
        return TokenFailure(code, detail or f"HTTP {self.status}", self.status)


def _seconds(given: Any) -> float | None:
    """A lifetime in seconds, as a number or as text; None for what says nothing: absent, 0, negative, words."""
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            return None
    if not _is_number(given):
        return None
    # min() before float(): a whole number may be too large for one.
    return float(min(given, LONGEST_LIFE_SECONDS)) if given > 0 else None


def _seconds_left(token: str, asked_at: datetime) -> float | None:
    """What is left of a readable JWT's life by its own `exp`; 0 when it is over."""
    claims = read_token(token).claims
    end = claims.get("exp") if claims else None
    if not _is_number(end):
        return None
    begin = asked_at.timestamp()
    return max(0.0, min(end, begin + LONGEST_LIFE_SECONDS) - begin)


def _is_number(value: Any) -> TypeGuard[int | float]:
    # JSON's true is a number to Python, and NaN is one to JSON's readers; it is the one that differs from itself.
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124
