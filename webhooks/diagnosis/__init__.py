"""Why an attempt failed, from a closed list: what happened, the most likely cause, what to do, and whose side it is.

`code_for` gives the code of a transfer's result; other codes are given by whoever found out (a plan that can't be
built, a token that could not be had, a lost worker). Codes are stored with attempts and trials: they are never renamed.
"""

from outbound.transfer import Result
from webhooks.diagnosis.answers import ANSWERED, UNAUTHORIZED
from webhooks.diagnosis.configuration import OURS
from webhooks.diagnosis.entry import Diagnosis, Side
from webhooks.diagnosis.tokens import TOKENS
from webhooks.diagnosis.transfers import CONNECTING, NOT_SENT, TLS, UNANSWERED

__all__ = ["DIAGNOSES", "Diagnosis", "Side", "code_for"]

DIAGNOSES: dict[str, Diagnosis] = {
    diagnosis.code: diagnosis
    for diagnosis in (*NOT_SENT, *CONNECTING, *TLS, *UNANSWERED, *ANSWERED, *UNAUTHORIZED, *TOKENS, *OURS)
}


def code_for(result: Result, auth_method: str) -> str:
    """Return the code for what came of a transfer: empty for a 2xx answer. `auth_method`: the webhook's, for a 401."""
    if result.status is None:
        return result.error if result.error in DIAGNOSES else "transfer_failed"
    if 200 <= result.status < 300:
        return ""
    if result.status == 401:
        code = f"unauthorized_{auth_method}"
        return code if code in DIAGNOSES else "unauthorized_none"
    return _STATUS_CODES.get(result.status) or _CLASS_CODES.get(result.status // 100, "unexpected_status")


_STATUS_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "receiver_timed_out",
    410: "gone",
    413: "body_too_large",
    415: "content_type_refused",
    422: "content_refused",
    429: "too_many_requests",
    500: "server_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "gateway_timeout",
}
_CLASS_CODES = {3: "redirected", 4: "refused", 5: "server_error_other"}
