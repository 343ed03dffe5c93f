"""The closed lists of access: roles, kinds of participants, sources of a change, themes."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member may do at a participant, lowest first. Each role includes those before it."""

    VIEWER = "viewer", _("Viewer")
    TECHNICAL = "technical", _("Technical")
    ADMINISTRATOR = "administrator", _("Administrator")

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: "Role") -> bool:
        return self.rank >= other.rank


class ParticipantKind(models.TextChoices):
    BANK = "bank", _("Bank")
    ACQUIRER = "acquirer", _("Acquirer")
    SUB_ACQUIRER = "sub_acquirer", _("Sub-acquirer")
    PAYMENT_INSTITUTION = "payment_institution", _("Payment institution")
    FUND = "fund", _("Fund")
    INSURER = "insurer", _("Insurer")
    ENERGY_AGENT = "energy_agent", _("Energy agent")
    UTILITY = "utility", _("Utility")
    SERVICE_PROVIDER = "service_provider", _("Service provider")
    OTHER = "other", _("Other")


class ActorSource(models.TextChoices):
    """Where a change comes from."""

    USER = "user", _("User")
    STAFF = "staff", _("Operations")
    SYSTEM = "system", _("System")
    ANONYMOUS = "anonymous", _("Not signed in")


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")
