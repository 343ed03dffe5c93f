"""What this app refuses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from access.errors import ActionError


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the values of a connection or a key pair. `field` is the name of a field of its kind,
    `headers.<index>.name` (or `.value`), or `certificate`, `private_key`, `password` of an upload; `code` is stable;
    `message` is for people."""

    field: str
    code: str
    message: Any


class Invalid(ActionError):
    """The values were refused, each for its own reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems[0].code, str(self.problems[0].message))


class InvalidConnection(Invalid):
    """Values that make no connection."""


class KeyPairRefused(Invalid):
    """A certificate or a private key that can't be used."""


class Archived(ActionError):
    def __init__(self) -> None:
        super().__init__("archived", _("This is archived and can no longer be changed."))


class InUse(ActionError):
    """It can't be archived: `users` names what uses it."""

    def __init__(self, users: Iterable[str]) -> None:
        self.users = tuple(users)
        message = _("It is still in use by: %(users)s. Choose another one there first.")
        super().__init__("in_use", message % {"users": ", ".join(self.users)})


class CannotUse(Exception):
    """A stored connection can't be turned into a token request. `code` is one of connections.failures.CODES; `detail`
    is safe to store and show."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
