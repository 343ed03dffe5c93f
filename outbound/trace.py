"""One exchange as it may be stored and shown: what we sent, what came back, how far it got. Secrets are masked here,
before storing, never at display time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from outbound import outcomes
from outbound.masking import masked_url
from outbound.redaction import Redactor
from outbound.transfer import Result

_NAME_FAILED = frozenset(
    {
        outcomes.ADDRESS_INVALID,
        outcomes.HEADER_REFUSED,
        outcomes.REFUSED_ADDRESS,
        outcomes.NAME_NOT_FOUND,
        outcomes.DNS_TIMEOUT,
        outcomes.DNS_FAILED,
        outcomes.NOT_STARTED,
        outcomes.CLIENT_CERTIFICATE_UNUSABLE,
        outcomes.AUTHORITY_UNUSABLE,
    }
)
_CONNECT_FAILED = frozenset({outcomes.CONNECTION_REFUSED, outcomes.HOST_UNREACHABLE, outcomes.TIMEOUT_CONNECTING})
_TLS_FAILED = frozenset(code for code in outcomes.OUTCOMES if code.startswith("tls_")) | {outcomes.TIMEOUT_TLS}


@dataclass(frozen=True)
class Step:
    """One line of the list of steps: what was reached, or where it ended (`ok` False, always the last one)."""

    label: str
    detail: str
    milliseconds: int | None
    ok: bool = True


def describe_request(method: str, url: str, headers: list[list[str]], body: str) -> dict[str, Any]:
    """Return a request as JSON values: of its address the query masked; headers and body as given, masked already."""
    return {"method": method, "url": masked_url(url), "headers": headers, "body": body}


def describe_result(result: Result, redactor: Redactor, *, body: str | None = None) -> dict[str, Any]:
    """Return what came of a request as JSON values. `body`: the answer's, if its caller has masked it already. What a
    private network answered is not kept: nobody may look at it."""
    shown = not result.private
    told = redactor.body(result.body, cut=result.answer_cut) if body is None else body
    return {
        "response": {
            "status": result.status,
            "headers": redactor.headers(result.headers) if shown else [],
            "body": told if shown else "",
            "cut": result.answer_cut,
            "private": result.private,
        },
        "error": result.error or "",
        "detail": redactor.text(result.detail),
        "address": result.address,
        "port": result.port,
        "tls_version": result.tls_version,
        "certificate_expires_at": _moment(result.certificate_expires_at),
        "milliseconds": _milliseconds(result),
    }


def describe_unsent(url: str, code: str) -> dict[str, Any]:
    """Return the same for a request that could not even be built."""
    return {
        "request": describe_request("POST", url, [], ""),
        "response": {"status": None, "headers": [], "body": "", "cut": False, "private": False},
        "error": code,
        "milliseconds": {},
    }


def list_steps(exchange: dict[str, Any]) -> list[Step]:
    """Return how far a stored exchange got: name, connection, TLS, answer. It ends with the first that failed."""
    steps = []
    for step in _steps(exchange):
        steps.append(step)
        if not step.ok:
            break
    return steps


def _steps(exchange: dict[str, Any]) -> Iterator[Step]:
    error, times, port = exchange["error"], exchange["milliseconds"], exchange.get("port")
    if error and not times:
        yield Step(_("Not sent"), "", None, ok=False)
        return
    found = error not in _NAME_FAILED
    yield Step(_("Name found") if found else _("Name not usable"), exchange["address"], times["dns"], ok=found)
    connected = error not in _CONNECT_FAILED
    label = _("Connected") if connected else _("Not connected")
    yield Step(label, _("port %(port)s") % {"port": port} if port else "", times["connect"], ok=connected)
    yield from _tls_step(exchange, times)
    yield _answer_step(exchange, times)


def _tls_step(exchange: dict[str, Any], times: dict[str, int]) -> Iterator[Step]:
    if exchange["error"] in _TLS_FAILED:
        yield Step(_("TLS failed"), "", times["tls"], ok=False)
    elif exchange["request"]["url"].lower().startswith("https:"):
        expires = parse_datetime(exchange["certificate_expires_at"] or "")
        day = date_format(expires, "SHORT_DATE_FORMAT") if expires else ""
        detail = _("certificate until %(day)s") % {"day": day} if day else ""
        yield Step(exchange["tls_version"] or "TLS", detail, times["tls"])
    else:
        yield Step(_("No TLS"), _("sent in the clear"), None)


def _answer_step(exchange: dict[str, Any], times: dict[str, int]) -> Step:
    status = exchange["response"]["status"]
    if status is None:
        return Step(_("No answer"), "", times["first_byte"], ok=False)
    label = _("Response %(status)s") % {"status": status}
    return Step(label, _body_words(exchange["response"]), times["first_byte"], ok=200 <= status < 300)


def _body_words(response: dict[str, Any]) -> str:
    if response["private"]:
        return _("not shown: private network")
    size = len(response["body"])
    if not size:
        return _("empty body")
    return ngettext("%(n)s character", "%(n)s characters", size) % {"n": size}


def _milliseconds(result: Result) -> dict[str, int]:
    timing = result.timing
    phases = {name: getattr(timing, name) for name in ("dns", "connect", "tls", "first_byte", "total")}
    return {name: round(seconds * 1_000) for name, seconds in phases.items()}


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
