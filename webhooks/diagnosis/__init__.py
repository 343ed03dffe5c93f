"""Why an attempt failed, from a closed list: what happened, the most likely cause, what to do, and whose side it is.

`code_for` gives the code of a transfer's result; other codes are given by whoever found out (a plan that can't be
built, a token that could not be had, a lost worker). Codes are stored with attempts and trials: they are never renamed.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from outbound.transfer import Result
from webhooks.diagnosis import tokens
from webhooks.diagnosis.answers import ANSWERED, NGINX_WORDS, UNAUTHORIZED
from webhooks.diagnosis.configuration import OURS
from webhooks.diagnosis.entry import Diagnosis, Side
from webhooks.diagnosis.transfers import CONNECTING, NOT_SENT, TLS, UNANSWERED

__all__ = ["DIAGNOSES", "GROUPS", "Diagnosis", "Side", "code_for"]

# By how far the exchange got, as the documentation lists them. `slug` is the group's word in addresses.
GROUPS: tuple[tuple[str, Promise, tuple[Diagnosis, ...]], ...] = (
    ("answers", _("The receiver answered, but not with success"), (*UNAUTHORIZED, *ANSWERED)),
    ("no-answer", _("The request was sent, and no answer came"), UNANSWERED),
    ("connection", _("No connection to the receiver"), (*CONNECTING, *NOT_SENT)),
    ("tls", _("No secure connection (TLS)"), TLS),
    ("token-refused", _("The token endpoint refused"), tokens.REFUSED),
    ("token-answer", _("The token endpoint's answer is of no use"), tokens.ANSWERED),
    ("token-connection", _("The token endpoint was not reached"), tokens.UNREACHED),
    ("token-request", _("The token request could not be made"), tokens.UNUSABLE),
    ("portal", _("The webhook's configuration, or the portal itself"), OURS),
)

DIAGNOSES: dict[str, Diagnosis] = {diagnosis.code: diagnosis for _slug, _title, found in GROUPS for diagnosis in found}


def code_for(result: Result, auth_method: str) -> str:
    """Return the code for what came of a transfer: empty for a 2xx answer. `auth_method`: the webhook's, for a 401."""
    if result.status is None:
        return result.error if result.error in DIAGNOSES else "transfer_failed"
    if 200 <= result.status < 300:
        return ""
    if result.status == 401:
        code = f"unauthorized_{auth_method}"
        return code if code in DIAGNOSES else "unauthorized_none"
    if result.status == 400 and (code := _find_nginx_words(result.body)):
        return code
    return _STATUS_CODES.get(result.status) or _CLASS_CODES.get(result.status // 100, "unexpected_status")


def _find_nginx_words(body: bytes) -> str:
    return next((code for words, code in NGINX_WORDS if words in body), "")


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
