"""What catalog refuses, with a stable code and a message for people."""

from access.errors import ActionError


class PeriodRefused(ActionError):
    """A period that is no date, or doesn't fit the periodicity of its product."""


class FileRefused(ActionError):
    """A file that can't be published: missing, empty or too large."""


class PublicationRefused(ActionError):
    """A publication that can't be made, released or withdrawn."""


class LinkRefused(Exception):
    """A download link that opens nothing. The code is for the log: whoever holds the link is told nothing but 404."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
