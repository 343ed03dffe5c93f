"""The closed list of reasons why a transfer brought no HTTP status. `Result.error` is one of these, or None."""

from typing import Final

# Before a connection: nothing left this machine.
ADDRESS_INVALID: Final = "address_invalid"  # not an http(s) address by our rules; the form should have refused it
HEADER_REFUSED: Final = "header_refused"  # a header that we do not send, found when the request was built
REFUSED_ADDRESS: Final = "refused_address"  # outside the networks that this installation may call
NAME_NOT_FOUND: Final = "name_not_found"
DNS_TIMEOUT: Final = "dns_timeout"
DNS_FAILED: Final = "dns_failed"  # the name servers answered with a failure, not with "no such name"
NOT_STARTED: Final = "not_started"  # `Request.not_after` had passed; may be handed back and sent later
CLIENT_CERTIFICATE_UNUSABLE: Final = "client_certificate_unusable"
AUTHORITY_UNUSABLE: Final = "authority_unusable"  # the private authority could not be loaded

# Connecting.
CONNECTION_REFUSED: Final = "connection_refused"
HOST_UNREACHABLE: Final = "host_unreachable"
TIMEOUT_CONNECTING: Final = "timeout_connecting"

# TLS. No byte of the request was sent.
TIMEOUT_TLS: Final = "timeout_tls"
TLS_EXPIRED: Final = "tls_expired"
TLS_NOT_YET_VALID: Final = "tls_not_yet_valid"
TLS_WRONG_NAME: Final = "tls_wrong_name"
TLS_UNKNOWN_AUTHORITY: Final = "tls_unknown_authority"
TLS_SELF_SIGNED: Final = "tls_self_signed"
TLS_TOO_OLD: Final = "tls_too_old"  # the receiver speaks nothing newer than TLS 1.1
TLS_NOT_TLS: Final = "tls_not_tls"  # https was asked of a port that does not speak TLS
TLS_CLIENT_CERTIFICATE_WANTED: Final = "tls_client_certificate_wanted"  # missing, or refused by the receiver
TLS_FAILED: Final = "tls_failed"

# The request was sent, at least in part: the receiver may have it.
CONNECTION_RESET: Final = "connection_reset"
CONNECTION_CLOSED: Final = "connection_closed"  # closed in good order, but without an answer
TIMEOUT_WAITING: Final = "timeout_waiting"
NOT_HTTP: Final = "not_http"
ANSWER_HEADERS_TOO_LARGE: Final = "answer_headers_too_large"

# Anything else; `Result.detail` has the words of libcurl.
TRANSFER_FAILED: Final = "transfer_failed"

OUTCOMES: Final = frozenset(value for name, value in dict(globals()).items() if name.isupper())

# Of those, what ended before the first byte of the request.
NOTHING_SENT: Final = frozenset(
    {
        *(ADDRESS_INVALID, HEADER_REFUSED, REFUSED_ADDRESS, NAME_NOT_FOUND, DNS_TIMEOUT, DNS_FAILED, NOT_STARTED),
        *(CLIENT_CERTIFICATE_UNUSABLE, AUTHORITY_UNUSABLE, CONNECTION_REFUSED, HOST_UNREACHABLE, TIMEOUT_CONNECTING),
        *(TIMEOUT_TLS, TLS_EXPIRED, TLS_NOT_YET_VALID, TLS_WRONG_NAME, TLS_UNKNOWN_AUTHORITY, TLS_SELF_SIGNED),
        *(TLS_TOO_OLD, TLS_NOT_TLS, TLS_FAILED),
    }
)
