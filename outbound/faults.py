"""What went wrong with a transfer, told in the closed list of `outcomes` from what libcurl and OpenSSL report."""

import errno
import re
from dataclasses import dataclass

import pycurl

from outbound import outcomes

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_MAX_DETAIL = 200

# X509_V_ERR_* of OpenSSL's x509_vfy.h, as CURLINFO_SSL_VERIFYRESULT gives them.
_VERIFY_RESULTS = {
    2: outcomes.TLS_UNKNOWN_AUTHORITY,  # unable to get issuer certificate
    9: outcomes.TLS_NOT_YET_VALID,
    10: outcomes.TLS_EXPIRED,
    18: outcomes.TLS_SELF_SIGNED,
    19: outcomes.TLS_UNKNOWN_AUTHORITY,  # self-signed certificate in the chain: an authority that we don't know
    20: outcomes.TLS_UNKNOWN_AUTHORITY,
    21: outcomes.TLS_UNKNOWN_AUTHORITY,
    24: outcomes.TLS_UNKNOWN_AUTHORITY,  # signed by something that is no authority
    62: outcomes.TLS_WRONG_NAME,
    64: outcomes.TLS_WRONG_NAME,
}
_CONNECT_ERRORS = {
    errno.ECONNREFUSED: outcomes.CONNECTION_REFUSED,
    errno.ECONNRESET: outcomes.CONNECTION_RESET,
    errno.ENETUNREACH: outcomes.HOST_UNREACHABLE,
    errno.EHOSTUNREACH: outcomes.HOST_UNREACHABLE,
    errno.EADDRNOTAVAIL: outcomes.HOST_UNREACHABLE,
    errno.ETIMEDOUT: outcomes.TIMEOUT_CONNECTING,
}
# OpenSSL has no numbers for these that libcurl would pass on, only words.
_HANDSHAKE_WORDS = (
    (("unsupported protocol", "protocol version", "wrong ssl version"), outcomes.TLS_TOO_OLD),
    (("wrong version number", "packet length too long", "http request", "record layer failure"), outcomes.TLS_NOT_TLS),
    (
        ("certificate required", "bad certificate", "certificate unknown", "unknown ca"),
        outcomes.TLS_CLIENT_CERTIFICATE_WANTED,
    ),
)
_CODES = {
    pycurl.E_GOT_NOTHING: outcomes.CONNECTION_CLOSED,
    pycurl.E_UNSUPPORTED_PROTOCOL: outcomes.NOT_HTTP,
    8: outcomes.NOT_HTTP,  # CURLE_WEIRD_SERVER_REPLY
    pycurl.E_BAD_CONTENT_ENCODING: outcomes.NOT_HTTP,  # a transfer encoding that we did not ask for
    100: outcomes.ANSWER_HEADERS_TOO_LARGE,  # CURLE_TOO_LARGE
    pycurl.E_BAD_FUNCTION_ARGUMENT: outcomes.CLIENT_CERTIFICATE_UNUSABLE,  # the key can't be read, or is another's
    pycurl.E_SSL_CERTPROBLEM: outcomes.CLIENT_CERTIFICATE_UNUSABLE,
    pycurl.E_SSL_CACERT_BADFILE: outcomes.AUTHORITY_UNUSABLE,
}
_RESETS = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR)


@dataclass(frozen=True, slots=True)
class Fault:
    """What libcurl says of a transfer that failed before an answer's headers were complete."""

    code: int
    words: str
    os_errno: int = 0
    verify_result: int = 0
    connected: bool = False
    secured: bool = False  # the TLS handshake is over, or none was needed


def outcome_of(fault: Fault) -> str:
    """The outcome code; `transfer_failed` for what has no code of its own."""
    if fault.code == pycurl.E_OPERATION_TIMEDOUT:
        return _timeout(fault)
    if fault.code == pycurl.E_PEER_FAILED_VERIFICATION:
        return _verification(fault)
    if fault.code == pycurl.E_SSL_CONNECT_ERROR:
        return _from_words(fault.words) or _CONNECT_ERRORS.get(fault.os_errno, outcomes.TLS_FAILED)
    if fault.code == pycurl.E_COULDNT_CONNECT:
        return _CONNECT_ERRORS.get(fault.os_errno, outcomes.TRANSFER_FAILED)
    if fault.code in _RESETS:
        # TLS 1.3 servers refuse a client certificate after the handshake, when we already read.
        return _from_words(fault.words) or outcomes.CONNECTION_RESET
    return _CODES.get(fault.code, outcomes.TRANSFER_FAILED)


def safe_words(text: str) -> str:
    """libcurl's words, short and printable. They quote host names and what receivers sent, never our headers."""
    return _UNPRINTABLE.sub(" ", text).strip()[:_MAX_DETAIL]


def _timeout(fault: Fault) -> str:
    if not fault.connected:
        return outcomes.TIMEOUT_CONNECTING
    return outcomes.TIMEOUT_WAITING if fault.secured else outcomes.TIMEOUT_TLS


def _verification(fault: Fault) -> str:
    # libcurl compares the names itself, after OpenSSL found nothing wrong.
    if "subject name" in fault.words or "hostname" in fault.words:
        return outcomes.TLS_WRONG_NAME
    return _VERIFY_RESULTS.get(fault.verify_result, outcomes.TLS_FAILED)


def _from_words(words: str) -> str | None:
    words = words.lower()
    return next((code for signs, code in _HANDSHAKE_WORDS if any(sign in words for sign in signs)), None)
