"""What the page of one connection shows: its state, its values, who uses it, what it sends, and its last runs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from connections.drafts import stored_secrets
from connections.kinds.field import CHOICE, HEADERS, KEY_PAIR, URL, Field
from connections.kinds.registry import KINDS
from connections.models import Connection
from connections.pages.listing import kind_label
from connections.pages.states import describe_connection, describe_key_pair, find_diagnosis, load_token_facts
from connections.pages.users import load_connection_uses
from connections.pages.wire import preview_request
from outbound.masking import MASK, masked_url

RUNS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Value:
    """One line of the values. A secret says only since when there is one."""

    label: Any
    text: str = ""
    secret: bool = False
    technical: bool = False


def build_details(request: HttpRequest, connection: Connection, now: datetime) -> dict[str, Any]:
    facts = load_token_facts([connection]).get(connection.pk)
    kind = KINDS.get(connection.kind)
    wire = preview_request(connection, now) if kind and not connection.archived else None
    pair = connection.key_pair
    runs = connection.runs.defer("token", "steps").order_by("-at", "-pk")[:RUNS_SHOWN]
    return {
        "connection": connection,
        "kind": kind_label(connection),
        "address": masked_url(endpoint_of(connection)),
        "state": describe_connection(connection, facts, now),
        "failure": find_diagnosis(facts.failure) if facts else None,
        "token": facts,
        "values": list_values(connection),
        "key_pair_state": describe_key_pair(pair, now) if pair else None,
        "for_webhooks": kind is None or kind.for_webhooks,
        "asked_each_run": bool(kind and kind.arguments),
        "uses": load_connection_uses(request, [connection])[connection.pk],
        "wire": wire,
        "wire_problem": find_diagnosis(wire.problem) if wire else None,
        "runs": [(run, find_diagnosis(run.diagnosis)) for run in runs],
        "now": now,
    }


def list_values(connection: Connection) -> list[Value]:
    """Return the values of the fields of its kind that are filled; secrets are not told, only that they are there."""
    kind = KINDS.get(connection.kind)
    stored = stored_secrets(connection)
    shown = [field for field in kind.fields if field.is_shown(connection.settings)] if kind else []
    values = [_value(connection, field, field.name in stored) for field in shown if field.widget not in (URL, KEY_PAIR)]
    return [value for value in values if value]


def _value(connection: Connection, field: Field, stored: bool) -> Value | None:
    if field.secret:
        return Value(field.label, secret=True) if stored else None
    value = connection.settings.get(field.name)
    if not value:
        return None
    if field.widget == HEADERS:
        rows = (f"{row['name']}: {MASK if row['secret'] else row['value']}" for row in value)
        return Value(field.label, "\n".join(rows), technical=True)
    text = str(dict(field.choices).get(value, value)) if field.widget == CHOICE else str(value)
    return Value(field.label, f"{text} {field.unit}".rstrip(), technical=field.technical)


def endpoint_of(connection: Connection) -> str:
    kind = KINDS.get(connection.kind)
    return kind.endpoint(connection.token_url) if kind else connection.token_url
