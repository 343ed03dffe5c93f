"""Which notices: adjectives that chain."""

from datetime import datetime
from typing import Self

from django.db import models


class NoticeQuerySet(models.QuerySet):
    def due(self, now: datetime) -> Self:
        """Waiting, and not leased: a lease pushes `due_at` to its own end."""
        return self.filter(state="waiting", due_at__lte=now).order_by("due_at", "pk")


class IncidentQuerySet(models.QuerySet):
    def open(self) -> Self:
        return self.filter(over_at__isnull=True)
