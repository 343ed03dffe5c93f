"""What goes by itself: runs of "Obter Credenciais" a day later, with the tokens that they hold, and tokens in the cache
that nobody has renewed for days."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction

from connections.models import CachedToken, ConnectionRun

CHUNK: Final = 1_000
# A token that is used is renewed each day at the latest.
UNUSED_DAYS: Final = 3


def remove_old_runs(now: datetime) -> int:
    """Remove the runs that are due for it; return how many there were."""
    return _remove(lambda: ConnectionRun.objects.due_for_purge(now))


def remove_unused_tokens(now: datetime) -> int:
    """Remove the tokens that nobody has fetched for so long: of connections no longer used, of credentials that were
    changed while a dispatcher still knew the old ones. Return how many there were."""
    return _remove(lambda: CachedToken.objects.filter(used_at__lt=now - timedelta(days=UNUSED_DAYS)))


def _remove(due: Callable[[], models.QuerySet]) -> int:
    """Chunk by chunk, each its own transaction."""
    removed = 0
    while True:
        with transaction.atomic():
            ids = list(due().order_by("pk").values_list("pk", flat=True)[:CHUNK])
            # Asked again: one that came into use meanwhile stays.
            removed += due().filter(pk__in=ids).delete()[0]
        if len(ids) < CHUNK:
            return removed
