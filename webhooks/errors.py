"""What this app refuses and what can't be sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from access.errors import ActionError


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the values of a webhook. `field` is a name of WebhookValues, `auth.<setting>` or
    `headers.<index>.name` (or `.value`, `.secret`); `code` is stable; `message` is for people."""

    field: str
    code: str
    message: Any


class InvalidWebhook(ActionError):
    """The values were refused, each for its own reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems[0].code, str(self.problems[0].message))


class WebhookArchived(ActionError):
    def __init__(self) -> None:
        super().__init__("webhook_archived", _("This webhook is archived and can no longer be changed."))


class TooManyTests(ActionError):
    def __init__(self, limit: int) -> None:
        super().__init__(
            "too_many_tests",
            _("At most %(limit)s tests a minute. Wait a moment and try again.") % {"limit": limit},
        )


class FormatError(Exception):
    """An event's content does not fit its body format: nothing a participant can mend."""


class CannotPlan(Exception):
    """A webhook's configuration can't be turned into a request. `code` is one of webhooks.diagnosis; `detail` is safe
    to store and show."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
