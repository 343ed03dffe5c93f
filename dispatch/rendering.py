"""The bytes of a delivery, made once, at its first claim. Work for the processor only: nothing here waits."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from catalog.links import build_download_url
from dispatch.picking import Row
from webhooks.formats import EventContent, FormatError, render

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rendered:
    body: bytes
    content_type: str
    body_format: str


@dataclass(frozen=True)
class Poison:
    """A body that can't be made: the code of the diagnosis, and whether another try could end differently."""

    code: str
    hopeless: bool


def render_body(row: Row, *, body_format: str, now: datetime) -> Rendered | Poison:
    """Return the body of a picked delivery; the life of its download link starts at `now`.

    Whatever goes wrong with one event's content is that delivery's end and not the claim's: it comes back as Poison.
    """
    try:
        link = build_link(row, now=now)
        content = EventContent(type=row.event_type, occurred_at=row.occurred_at, payload_text=row.payload, link=link)
        rendered = render(body_format, content)
    except FormatError as misfit:
        logger.warning("dispatch.content_not_renderable", delivery=str(row.uuid), reason=str(misfit))
        return Poison("content_not_renderable", hopeless=True)
    except Exception:
        logger.exception("dispatch.rendering_failed", delivery=str(row.uuid))
        # Ours, not the event's: a bad release must not end every delivery that it meets.
        return Poison("content_not_renderable", hopeless=False)
    return Rendered(rendered.body, rendered.content_type, body_format)


def build_link(row: Row, *, now: datetime) -> str:
    """Return the signed download link of a publication's file, "" for events without a file (ONS-19)."""
    if row.publication_uuid is None:
        return ""
    return build_download_url(row.publication_uuid, delivery_uuid=row.uuid, issued_at=now)
