"""Periodic jobs: which there are, their rows in the database, and the beat that runs them without a broker.

Rows are short ticks only: django-celery-beat runs a daily job that was missed during downtime at a wrong hour. A job
with a time of day looks at its own next-run column at each tick.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from celery.beat import ScheduleEntry
from django.db import close_old_connections, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from dispatch.broker import ask_for_drain

log = structlog.get_logger(__name__)

NAME_PREFIX = "gancho: "


@dataclass(frozen=True)
class Job:
    """A task and how often it is called. `name` is what operators read."""

    name: str
    task: str
    every_seconds: int


JOBS: tuple[Job, ...] = (
    Job("link audit entries", "access.tasks.link_audit_entries", 60),
    Job("remove expired sessions", "access.tasks.remove_expired_sessions", 3600),
    Job("remove files without a publication", "catalog.tasks.remove_orphan_files", 3600),
    Job("send notices", "notices.tasks.send_notices", 30),
    Job("watch over the sending", "dispatch.tasks.watch_sending", 30),
    Job("stop webhooks that fail for days", "dispatch.tasks.stop_failing_webhooks", 60),
    Job("probe stopped webhooks", "dispatch.tasks.probe_stopped_webhooks", 60),
)


@transaction.atomic
def sync_jobs(jobs: Iterable[Job] = JOBS) -> None:
    """Make the rows say what the table says. Whether an operator has paused a job stays as it is."""
    names = []
    for job in jobs:
        every, _ = IntervalSchedule.objects.get_or_create(every=job.every_seconds, period=IntervalSchedule.SECONDS)
        names.append(NAME_PREFIX + job.name)
        PeriodicTask.objects.update_or_create(name=names[-1], defaults={"task": job.task, "interval": every})
    for gone in PeriodicTask.objects.filter(name__startswith=NAME_PREFIX).exclude(name__in=names):
        gone.delete()


class InProcessScheduler(DatabaseScheduler):
    """Beat that calls a due task itself instead of sending it: the form for installations without a broker.

    Two of them at once do no harm: every task may run twice.
    """

    # Beat would open a connection to the broker before its first tick; with none configured that never returns.
    producer = None

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **options: Any) -> None:
        """Call the task now. Its failure is logged and is no reason to stop the others."""
        entry = self.reserve(entry) if advance else entry
        close_old_connections()
        try:
            self.app.tasks[entry.task](*(entry.args or ()), **(entry.kwargs or {}))
        except Exception:
            log.exception("job failed", job=entry.name)
        else:
            log.info("job done", job=entry.name)


class BrokerScheduler(DatabaseScheduler):
    """Beat for installations with a broker: it sends due tasks, and asks for a drain at every turn of its loop.

    That poll is no row: nobody can pause it by mistake, and a clock that is set back does not stop it.
    Two of them at once do no harm.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Ask for a drain, then do what is due."""
        ask_for_drain()
        return float(super().tick(*args, **kwargs))
