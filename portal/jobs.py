"""Periodic jobs: which there are, their rows in the database, and the beat that runs them without a broker.

Rows are short ticks only: django-celery-beat runs a daily job that was missed during downtime at a wrong hour. A job
with a time of day looks at its own next-run column at each tick.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from celery.app import app_or_default
from celery.beat import ScheduleEntry
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.utils.translation import gettext_noop
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from dispatch.broker import ask_for_drain, count_waiting
from portal import job_orders
from portal.broker import JOB_QUEUE
from portal.checks import stop_without_broker

log = structlog.get_logger(__name__)

NAME_PREFIX = "gancho: "
OUR_WORDS = "By default every"
THEIR_WORDS = "Changed by hand; by default every"
# Two clocks that are set by the same time server differ by less.
CLOCK_TOLERANCE = timedelta(seconds=5)
ROUNDS_AHEAD = 2


@dataclass(frozen=True)
class Job:
    """A task and how often it is called. `name` is what operators read, in their language; it names the row as well."""

    name: str
    task: str
    every_seconds: int


JOBS: tuple[Job, ...] = (
    # The shortest of all: the health page takes its silence for that of the jobs' process.
    Job(gettext_noop("count attempts for the metrics"), "dispatch.tasks.count_attempts", 15),
    Job(gettext_noop("remove old notifications"), "dispatch.tasks.remove_old_deliveries", 60),
    Job(gettext_noop("remove old webhook tests"), "webhooks.tasks.remove_webhook_tests", 3600),
    Job(gettext_noop("remove runs of connections"), "connections.tasks.remove_connection_runs", 600),
    Job(gettext_noop("warn before certificates expire"), "connections.tasks.warn_of_expiring_certificates", 3600),
    Job(gettext_noop("erase participants"), "portal.tasks.erase_participants", 60),
    Job(gettext_noop("remove what libraries leave"), "portal.tasks.remove_leftovers", 3600),
    Job(gettext_noop("link audit entries"), "access.tasks.link_audit_entries", 60),
    Job(gettext_noop("remove expired sessions"), "access.tasks.remove_expired_sessions", 3600),
    Job(gettext_noop("remove files without a publication"), "catalog.tasks.remove_orphan_files", 3600),
    Job(gettext_noop("send notices"), "notices.tasks.send_notices", 30),
    Job(gettext_noop("remove old notices"), "notices.tasks.remove_notices", 3600),
    Job(gettext_noop("watch over the sending"), "dispatch.tasks.watch_sending", 30),
    Job(gettext_noop("stop webhooks that fail for days"), "dispatch.tasks.stop_failing_webhooks", 60),
    Job(gettext_noop("probe stopped webhooks"), "dispatch.tasks.probe_stopped_webhooks", 60),
)


@dataclass(frozen=True)
class Change:
    """What the synchronisation does to one row."""

    name: str
    what: str


@transaction.atomic
def sync_jobs(jobs: Iterable[Job] = JOBS, *, dry_run: bool = False) -> list[Change]:
    """Make the rows say what the table says, by name; returns what that changes. Safe to run at once.

    What an operator has changed stays: a pause, and another schedule. The description holds the interval that was
    written last: a row that says something else was changed by somebody.
    """
    wanted = {NAME_PREFIX + job.name: job for job in jobs}
    rows = {row.name: row for row in PeriodicTask.objects.filter(name__startswith=NAME_PREFIX)}
    changes = [change for name, job in wanted.items() if (change := _sync(name, job, rows.get(name), dry_run))]
    for name in rows.keys() - wanted.keys():
        changes.append(Change(name, "removed"))
        if not dry_run:
            rows[name].delete()
    return changes


def _sync(name: str, job: Job, row: PeriodicTask | None, dry_run: bool) -> Change | None:
    if row is None:
        change, row, ours = Change(name, f"created, every {job.every_seconds} s"), PeriodicTask(name=name), True
    else:
        ours = _is_ours(row)
        change = Change(name, f"updated, every {job.every_seconds} s" if ours else "updated, its own schedule kept")
    words = f"{OUR_WORDS if ours else THEIR_WORDS} {job.every_seconds} s"
    if (row.task, row.description) == (job.task, words):
        return None
    if not dry_run:
        row.task, row.description = job.task, words
        if ours:
            row.interval = _interval(job.every_seconds)
        row.save()
    return change


def _is_ours(row: PeriodicTask) -> bool:
    """Whether the schedule is the one that was written here last. Older rows have no description: they were ours."""
    return row.description in ("", f"{OUR_WORDS} {_every_seconds(row)} s")


def _every_seconds(row: PeriodicTask) -> int | None:
    if row.interval is None:
        return None
    return int(row.interval.schedule.run_every.total_seconds())


def _interval(seconds: int) -> IntervalSchedule:
    # Another process may be making the same one: there is no constraint to stop it, and either will do.
    found = IntervalSchedule.objects.filter(every=seconds, period=IntervalSchedule.SECONDS).first()
    return found or IntervalSchedule.objects.create(every=seconds, period=IntervalSchedule.SECONDS)


class SteadyScheduler(DatabaseScheduler):
    """Beat over the rows that goes on when the clock is set back: what ran "in an hour" has just run."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do what is due; returns the seconds until something is again."""
        now = self.app.now()
        ahead = [entry for entry in (self._schedule or {}).values() if entry.last_run_at > now + CLOCK_TOLERANCE]
        for entry in ahead:
            entry.last_run_at = now
            # The order of what comes next was made by the old clock.
            self._heap = None
        self.run_what_was_asked()
        return float(super().tick(*args, **kwargs))

    def run_what_was_asked(self) -> None:
        """Run the jobs that operators asked for, paused ones too. Of two beats, one takes each."""
        close_old_connections()
        try:
            tasks = job_orders.take_asked()
            rows = list(PeriodicTask.objects.filter(task__in=tasks, name__startswith=NAME_PREFIX)) if tasks else []
        except (DatabaseError, InterfaceError):
            # Beat outlives a database that is away; what was asked waits in its row.
            log.exception("jobs.orders_unread")
            return
        for row in rows:
            log.info("job asked for", job=row.name)
            self.apply_entry(self.Entry(row, app=self.app), producer=self.producer)


class InProcessScheduler(SteadyScheduler):
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


class BrokerScheduler(SteadyScheduler):
    """Beat for installations with a broker: it sends due tasks, and asks for a drain at every turn of its loop.

    That poll is no row: nobody can pause it by mistake, and a clock that is set back does not stop it.
    Two of them at once do no harm.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Celery runs the checks and does not look at them. Before the rows are read: they are those of this version.
        stop_without_broker()
        sync_jobs()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Ask for a drain, then do what is due."""
        ask_for_drain()
        return super().tick(*args, **kwargs)

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        """Send a due task, unless rounds of them still lie in the queue: nobody works, and Redis would fill."""
        if _waiting(producer) > ROUNDS_AHEAD * len(JOBS):
            log.warning("jobs.nobody_works", job=entry.name)
            return None
        return super().apply_async(entry, producer=producer, advance=advance, **options)


def _waiting(producer: Any) -> int:
    queue = app_or_default().amqp.queues[JOB_QUEUE](producer.channel)
    queue.declare()
    return count_waiting(queue)
