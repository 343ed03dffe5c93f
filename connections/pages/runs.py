"""What a run of "Obter Credenciais" shows: verdict, steps, both sides of the exchange, and what can be read of the
token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from connections.kinds.field import LIST
from connections.kinds.registry import KINDS
from connections.models import ConnectionRun
from connections.pages.states import find_diagnosis
from connections.reading import Form, Reading, read_token
from connections.run import Outcome
from outbound.trace import list_steps
from vault.errors import UnreadableSecret


@dataclass(frozen=True, slots=True)
class TokenView:
    """What is known of a run's token. `layers` are empty for readers who may not look into it (`readable` False), and
    where it can't be opened any more. `private`: it came from a private network, and was not kept."""

    type: str
    obtained_at: datetime | None
    expires_at: datetime | None
    readable: bool
    private: bool
    layers: list[tuple[str, Reading]]


def describe_run(run: ConnectionRun, *, readable: bool) -> dict[str, Any]:
    """Return what the card of a run shows. `readable`: whether its reader may see header and claims of the token."""
    outcome, diagnosis = Outcome.of(run), find_diagnosis(run.diagnosis)
    exchange = outcome.exchange
    return {
        "run": run,
        "announce": _verdict(run, diagnosis),
        "diagnosis": diagnosis,
        "exchange": exchange,
        "steps": list_steps(exchange) if exchange else [],
        "total": exchange.get("milliseconds", {}).get("total"),
        "token": _view(run, outcome, readable) if run.succeeded else None,
        "arguments": list_arguments(run),
    }


def _verdict(run: ConnectionRun, diagnosis: Any) -> str:
    if run.finished_at is None:
        return _("No result: it was cut off")
    if run.succeeded:
        return _("Token obtained")
    return str(diagnosis.title) if diagnosis else run.diagnosis


def list_arguments(run: ConnectionRun) -> list[tuple[Any, str]]:
    """Return what was asked for: label and text, a list one item a line."""
    kind = KINDS.get(run.connection.kind)
    found = []
    for field in kind.arguments if kind else ():
        value = run.arguments.get(field.name)
        if value:
            found.append((field.label, "\n".join(value) if field.widget == LIST else str(value)))
    return found


def _view(run: ConnectionRun, outcome: Outcome, readable: bool) -> TokenView:
    readable = readable and not outcome.private
    reading = _read(run) if readable else None
    layers = [(_words(layer), layer) for layer in reading.layers] if reading else []
    return TokenView(run.token_type, outcome.obtained_at, outcome.expires_at, readable, outcome.private, layers)


def _read(run: ConnectionRun) -> Reading | None:
    try:
        return read_token(run.token)
    except UnreadableSecret:
        return None


def _words(layer: Reading) -> str:
    """Say what kind of token it is, and why there is no more to see where there isn't."""
    if layer.form == Form.OPAQUE:
        return _("An opaque token: it is no JWT, and only who issued it can read it.")
    if layer.form == Form.ENCRYPTED:
        return _("An encrypted JWT (JWE): only its header can be read. Its claims are for whoever holds the key.")
    if layer.inner is not None:
        return _("A signed JWT that holds another token in place of claims.")
    if layer.claims is None:
        return _("A signed JWT whose content is no JSON: only its header can be read.")
    if layer.form == Form.UNSIGNED:
        return _("A JWT without a signature: anybody can have written it.")
    return _("A signed JWT. The signature was not checked: that is for whoever takes the token.")
