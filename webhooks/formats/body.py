from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from django.utils.functional import Promise

from webhooks.event_types import EventContent

JSON_CONTENT_TYPE = "application/json"


@dataclass(frozen=True)
class Rendered:
    """A body ready to be stored, signed and sent: always these bytes, never serialised again."""

    body: bytes
    content_type: str = JSON_CONTENT_TYPE


class BodyFormat(ABC):
    """One way to write an event down. A module of this folder holds one and names it FORMAT."""

    name: ClassVar[str]
    label: ClassVar[Promise]
    explanation: ClassVar[Promise]

    @abstractmethod
    def render(self, content: EventContent) -> Rendered:
        """Raises FormatError when the content does not fit."""
