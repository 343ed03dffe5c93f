"""The sign of life of a dispatcher, read by the readiness page and by operators."""

import time
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import DatabaseError

from dispatch import clock
from dispatch.models import DispatcherBeat

BEAT_SECONDS = 5.0
SILENT_AFTER = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(days=1)


class DispatcherSign:
    """One process's row: written every BEAT_SECONDS at most, removed when the process stops in good order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started_at: datetime | None = None
        self.next_beat = 0.0

    def show(self) -> None:
        if time.monotonic() < self.next_beat:
            return
        self.next_beat = time.monotonic() + BEAT_SECONDS
        now = clock.now()
        if self.started_at is None:
            self.started_at = now
            DispatcherBeat.objects.filter(beat_at__lt=now - FORGOTTEN_AFTER).delete()
        DispatcherBeat.objects.update_or_create(
            name=self.name, defaults={"started_at": self.started_at, "beat_at": now}
        )

    def remove(self) -> None:
        # A database that is down while we stop: the row grows old and is forgotten by the next start.
        with suppress(DatabaseError):
            DispatcherBeat.objects.filter(name=self.name).delete()


def last_beat_at() -> datetime | None:
    """Return when any dispatcher last showed that it lives, None when none has."""
    return DispatcherBeat.objects.order_by("-beat_at").values_list("beat_at", flat=True).first()
