"""The closed list of reasons why there is no token. webhooks.diagnosis has the words for each."""

from dataclasses import dataclass
from typing import Final

from outbound import outcomes

# The token endpoint said no (RFC 6749 5.2, RFC 8707, RFC 9396).
INVALID_CLIENT: Final = "token_invalid_client"
INVALID_GRANT: Final = "token_invalid_grant"
INVALID_REQUEST: Final = "token_invalid_request"
INVALID_SCOPE: Final = "token_invalid_scope"
INVALID_TARGET: Final = "token_invalid_target"
INVALID_AUTHORIZATION_DETAILS: Final = "token_invalid_authorization_details"
UNAUTHORIZED_CLIENT: Final = "token_unauthorized_client"
UNSUPPORTED_GRANT_TYPE: Final = "token_unsupported_grant_type"
REFUSED: Final = "token_refused"  # any other 4xx
RATE_LIMITED: Final = "token_rate_limited"
SERVER_ERROR: Final = "token_server_error"
REDIRECTED: Final = "token_redirected"

# It said yes, and yet there is no token that can be used.
ANSWER_UNREADABLE: Final = "token_answer_unreadable"
MISSING: Final = "token_missing"
TOO_LARGE: Final = "token_too_large"
EXPIRED: Final = "token_expired"  # by its own `exp` it was over when it came: two clocks differ

# It was not reached, or did not answer.
NAME_NOT_FOUND: Final = "token_name_not_found"
ADDRESS_REFUSED: Final = "token_address_refused"
UNREACHABLE: Final = "token_unreachable"
TIMEOUT: Final = "token_timeout"
TLS: Final = "token_tls"
NO_ANSWER: Final = "token_no_answer"

# It was not even asked.
CREDENTIALS_UNREADABLE: Final = "token_credentials_unreadable"
KEY_UNUSABLE: Final = "token_key_unusable"
CONNECTION_INCOMPLETE: Final = "token_connection_incomplete"

CODES: Final = frozenset(value for name, value in dict(globals()).items() if name.isupper())

# Each outcome of a transfer that brought no answer; the exact one is the failure's detail.
OF_OUTCOME: Final = {
    outcomes.ADDRESS_INVALID: ADDRESS_REFUSED,
    outcomes.HEADER_REFUSED: CONNECTION_INCOMPLETE,
    outcomes.REFUSED_ADDRESS: ADDRESS_REFUSED,
    outcomes.NAME_NOT_FOUND: NAME_NOT_FOUND,
    outcomes.DNS_TIMEOUT: NAME_NOT_FOUND,
    outcomes.DNS_FAILED: NAME_NOT_FOUND,
    outcomes.NOT_STARTED: TIMEOUT,
    outcomes.CLIENT_CERTIFICATE_UNUSABLE: KEY_UNUSABLE,
    outcomes.AUTHORITY_UNUSABLE: TLS,
    outcomes.CONNECTION_REFUSED: UNREACHABLE,
    outcomes.HOST_UNREACHABLE: UNREACHABLE,
    outcomes.TIMEOUT_CONNECTING: TIMEOUT,
    outcomes.TIMEOUT_TLS: TIMEOUT,
    outcomes.TIMEOUT_WAITING: TIMEOUT,
    outcomes.CONNECTION_RESET: NO_ANSWER,
    outcomes.CONNECTION_CLOSED: NO_ANSWER,
    outcomes.NOT_HTTP: NO_ANSWER,
    outcomes.ANSWER_HEADERS_TOO_LARGE: NO_ANSWER,
    outcomes.TRANSFER_FAILED: NO_ANSWER,
} | {code: TLS for code in outcomes.OUTCOMES if code.startswith("tls_")}


@dataclass(frozen=True, slots=True)
class TokenFailure:
    """Why there is no token. `code` is one of CODES; `detail` is redacted, safe to store and show: the outcome of the
    transfer (of outbound.outcomes), or what the token endpoint said. `retry_after`: seconds it asked us to wait."""

    code: str
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None
