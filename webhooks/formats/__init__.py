from webhooks.errors import FormatError
from webhooks.event_types import EventContent
from webhooks.formats.body import Rendered
from webhooks.formats.registry import FORMATS, render

__all__ = ["FORMATS", "EventContent", "FormatError", "Rendered", "render"]
