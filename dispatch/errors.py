"""What dispatch refuses, with a stable code and words for people."""

from django.utils.translation import gettext_lazy as _

from access.errors import ActionError


class TransitionRefused(ActionError):
    """A delivery was asked to go to a state that its own state does not allow."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(
            "transition_refused",
            _("A delivery that is %(before)s cannot become %(after)s.") % {"before": before, "after": after},
        )


class SendingRefused(ActionError):
    """A manual sending was refused: the webhook or the product is not in a state to be sent."""
