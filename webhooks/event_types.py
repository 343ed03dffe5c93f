"""The types of events that webhooks are told of, and the body that each type documents.

A payload is stored as text and stays as it was frozen. `documented()` turns it into the type's own body: verbatim for
most types, for publications the seven names of ONS-17 and `url`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webhooks.errors import FormatError

PUBLICATION_PUBLISHED = "publication.published"
CLIENT_TRANSACTION = "client-transaction"
WEBHOOK_TEST = "webhook.test"


@dataclass(frozen=True)
class EventContent:
    """What a body is made of: the event's type, time and frozen payload (JSON text), and the download link if any."""

    type: str
    occurred_at: datetime
    payload_text: str
    link: str = ""


@dataclass(frozen=True)
class EventType:
    """`names` lists the documented names of the body in their order; empty means that the payload goes out verbatim.
    `subscribable` types are chosen per webhook; a publication's webhooks are chosen by product instead."""

    name: str
    label: Promise
    names: tuple[str, ...] = ()
    subscribable: bool = False

    def documented(self, content: EventContent) -> str:
        """Return the documented body as JSON text. Raises FormatError when the payload lacks one of its names."""
        if not self.names:
            return content.payload_text
        return dump(self.fields(content))

    def fields(self, content: EventContent) -> dict[str, Any]:
        payload = _load(content.payload_text) | {"Uri": content.link, "url": content.link}
        try:
            return {name: payload[name] for name in self.names}
        except KeyError as missing:
            raise FormatError(f"the payload of {content.type} has no {missing.args[0]}") from missing


PUBLICATION_NAMES = (
    "DataProduto",
    "MacroProcesso",
    "Nome",
    "Periodicidade",
    "PeriodicidadeFinal",
    "Processo",
    "Uri",
    "url",
)

EVENT_TYPES = {
    event_type.name: event_type
    for event_type in (
        EventType(PUBLICATION_PUBLISHED, _("A product is published"), PUBLICATION_NAMES),
        EventType(CLIENT_TRANSACTION, _("A client's transactions are reported"), subscribable=True),
        # A trial looks like a publication, so that a receiver under test runs the code that it will run later.
        EventType(WEBHOOK_TEST, _("Test of a webhook"), PUBLICATION_NAMES),
    )
}


def get(name: str) -> EventType:
    """Return the type of this name. A type that is not registered has no body: FormatError."""
    try:
        return EVENT_TYPES[name]
    except KeyError:
        raise FormatError(f"unknown event type {name}") from None


def subscribable_names() -> frozenset[str]:
    return frozenset(name for name, event_type in EVENT_TYPES.items() if event_type.subscribable)


_encoder: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dump(value: Any) -> str:
    return _encoder(value)


def _load(text: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except ValueError as problem:
        raise FormatError("the payload is not JSON") from problem
    if not isinstance(payload, dict):
        raise FormatError("the payload is not a JSON object")
    return payload
