"""The body formats, each found by its name. A new one is a module of this folder and a line here."""

from webhooks.errors import FormatError
from webhooks.event_types import EventContent
from webhooks.formats import camel_case, documented, standard_webhooks
from webhooks.formats.body import BodyFormat, Rendered

FORMATS: dict[str, BodyFormat] = {
    found.name: found for found in (documented.FORMAT, camel_case.FORMAT, standard_webhooks.FORMAT)
}


def render(format_name: str, content: EventContent) -> Rendered:
    """Render one event's body. Raises FormatError for an unknown format or content that does not fit; CPU only."""
    try:
        body_format = FORMATS[format_name]
    except KeyError:
        raise FormatError(f"unknown body format {format_name}") from None
    return body_format.render(content)
