"""One exchange of a webhook as it may be stored and shown, with that of its token where one was asked for."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.reading import Form
from connections.tokens import Token
from outbound.trace import Step, describe_request, describe_result, list_steps
from outbound.transfer import Request, Result
from webhooks.plans import SendPlan
from webhooks.sending import redacted_headers


def describe_exchange(
    plan: SendPlan, request: Request, result: Result, *, token: Token | None = None
) -> dict[str, Any]:
    """Return the exchange as JSON values, every secret masked, `token` too. What a private network answered is not
    kept."""
    redactor = plan.redactor_with(token)
    sent = describe_request(request.method, request.url, redacted_headers(plan, request), redactor.body(request.body))
    return {"request": sent} | describe_result(result, redactor)


def list_token_steps(exchange: dict[str, Any]) -> list[Step]:
    """Return how far a token request got: those of any request, and in the end what its answer held."""
    steps = list_steps(exchange)
    if steps and not steps[-1].ok:
        return steps
    return [*steps, *_outcome(exchange)]


def _outcome(exchange: dict[str, Any]) -> Iterator[Step]:
    if token := exchange.get("token"):
        yield Step(_("Token obtained"), _token_words(token, exchange["request"]["url"]), None)
    elif exchange.get("failure"):
        yield Step(_("No token"), "", None, ok=False)


def _token_words(token: dict[str, Any], url: str) -> str:
    """From where, which type, how long it lives."""
    # What a private network answered has none.
    form = _FORMS[token["form"]] if token.get("form") in _FORMS else None
    words = [_("from %(url)s") % {"url": url}, f"{token['type']} ({form})" if form else token["type"]]
    if token["seconds"] is None:
        words.append(_("its life is not told"))
    else:
        words.append(_("lives %(time)s") % {"time": _duration(token["seconds"])})
    moments = [datetime.fromisoformat(token[name]) for name in ("obtained_at", "refresh_at")]
    kept = max(0.0, (moments[1] - moments[0]).total_seconds())
    return "; ".join([*words, _("renewed after %(time)s") % {"time": _duration(kept)}])


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return _("%(n)s s") % {"n": whole}
    return _("%(n)s min") % {"n": whole // 60}


_FORMS = {
    Form.SIGNED: gettext_lazy("signed JWT"),
    Form.UNSIGNED: gettext_lazy("JWT without a signature"),
    Form.ENCRYPTED: gettext_lazy("encrypted JWT"),
    Form.OPAQUE: gettext_lazy("opaque"),
}
