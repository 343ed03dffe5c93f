from datetime import datetime
from typing import Self

from django.db import models

from access.querysets import ForActorMixin, ForActorQuerySet


class LiveQuerySet(ForActorQuerySet):
    """Rows of a participant that are archived, never deleted, while something may point to them."""

    def live(self) -> Self:
        return self.filter(archived_at__isnull=True)

    def shared(self) -> Self:
        """Those that every webhook of the participant may use; the others belong to one webhook."""
        return self.filter(shared=True)


class KeyPairQuerySet(LiveQuerySet):
    def expiring_before(self, moment: datetime) -> Self:
        """Those in use by people: live ones whose certificate ends before `moment`, expired ones too."""
        return self.live().filter(not_after__lt=moment)


class RunQuerySet(ForActorMixin, models.QuerySet):
    participant_path = "connection__participant"

    def due_for_purge(self, now: datetime) -> Self:
        return self.filter(purge_at__lte=now)
