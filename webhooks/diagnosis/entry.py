"""One entry of the closed list."""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Side(TextChoices):
    PARTICIPANT = "participant", _("Participant's side")
    OPERATOR = "operator", _("Operator's side")


@dataclass(frozen=True)
class Diagnosis:
    """One entry of the list, in the reader's language once shown. `action` has a line for each thing to do, the most
    probable first. `signature`: the signing secret may be the cure."""

    code: str
    title: Promise | str
    happened: Promise | str
    cause: Promise | str
    action: Promise | str
    side: Side = Side.PARTICIPANT
    signature: bool = False

    @property
    def steps(self) -> list[str]:
        """What to do, one thing after the other."""
        return str(self.action).splitlines()
