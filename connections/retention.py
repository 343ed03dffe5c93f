"""Runs of "Obter Credenciais" are removed a day later, with the tokens that they hold."""

from datetime import datetime

from django.db import transaction

from connections.models import ConnectionRun

CHUNK = 1_000


def remove_old_runs(now: datetime) -> int:
    """Remove the runs that are due for it, chunk by chunk, each its own transaction; return how many there were."""
    due, removed = ConnectionRun.objects.due_for_purge(now).order_by("pk"), 0
    while True:
        with transaction.atomic():
            ids = list(due.values_list("pk", flat=True)[:CHUNK])
            removed += ConnectionRun.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < CHUNK:
            return removed
