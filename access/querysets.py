from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.db import models

from access import cnpj
from access.roles import Role

if TYPE_CHECKING:
    from access.actors import Actor
    from access.models import Participant


class ForActorMixin:
    """The one way from an actor to the rows of its participant.

    `participant_path` is the lookup that leads from a row to its participant. An actor without a participant (staff,
    the system, nobody) reaches no row this way.
    """

    participant_path: ClassVar[str] = "participant"

    def for_actor(self: Any, actor: "Actor") -> Any:
        if actor.participant is None:
            return self.none()
        return self.filter(**{self.participant_path: actor.participant})


class ForActorQuerySet(ForActorMixin, models.QuerySet):
    """A ready-made queryset for models with a `participant` column."""


class ParticipantQuerySet(models.QuerySet):
    def open(self) -> Self:
        return self.filter(blocked_at__isnull=True)

    def named(self, text: str) -> Any:
        """Return the one that somebody names in a command, or None: by its identifier, or its CNPJ as it is written."""
        try:
            return self.filter(uuid=UUID(text)).first()
        except ValueError:
            return self.filter(cnpj=cnpj.normalise(text)).first()


class MembershipQuerySet(ForActorQuerySet):
    def of_user(self, user: Any) -> Self:
        return self.filter(user=user).select_related("participant").order_by("pk")

    def administrators_of(self, participant: "Participant") -> Self:
        found = self.filter(participant=participant, role=Role.ADMINISTRATOR, user__is_active=True)
        return found.select_related("user").order_by("user__name")


class AuditEntryQuerySet(ForActorQuerySet):
    def unlinked(self) -> Self:
        return self.filter(link__isnull=True).order_by("pk")
