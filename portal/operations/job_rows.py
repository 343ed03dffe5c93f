"""The periodic jobs as operations see them: when each ran, what came of it, when it runs next, who has paused it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask

from dispatch import clock
from portal.jobs import NAME_PREFIX
from portal.models import JobOrder, JobRun
from portal.operations.job_words import EFFECTS

# A run that is asked for begins within a turn of the beat; after this nobody seems to be at work.
PICKED_UP_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True)
class Outcome:
    """What `{% state %}` shows of a job's last run."""

    tone: str
    icon: str
    word: str


@dataclass(frozen=True)
class JobRow:
    """One job: its row of the schedule, its last run and what was asked of it, where there are such."""

    row: PeriodicTask
    run: JobRun | None
    order: JobOrder | None
    now: datetime

    @property
    def name(self) -> str:
        words = _(self.row.name.removeprefix(NAME_PREFIX))
        return words[:1].upper() + words[1:]

    @property
    def task(self) -> str:
        return self.row.task

    @property
    def effect(self) -> str:
        """What it does, in a sentence; empty of one that no table of ours knows any more."""
        return str(EFFECTS.get(self.task, ""))

    @property
    def paused(self) -> bool:
        return not self.row.enabled

    @property
    def paused_at(self) -> datetime | None:
        return self.order.paused_at if self.order and self.paused else None

    @property
    def schedule(self) -> str:
        if self.row.interval is None:
            return str(self.row.schedule)
        seconds = int(self.row.interval.schedule.run_every.total_seconds())
        if seconds % 3600 == 0:
            return ngettext("each hour", "every %(n)s hours", seconds // 3600) % {"n": seconds // 3600}
        if seconds % 60 == 0:
            return ngettext("each minute", "every %(n)s min", seconds // 60) % {"n": seconds // 60}
        return _("every %(n)s s") % {"n": seconds}

    @property
    def outcome(self) -> Outcome:
        if self.paused:
            who = self.order.paused_by if self.order and self.order.paused_by else ""
            return Outcome("idle", "player-pause", _("Paused by %(who)s") % {"who": who} if who else _("Paused"))
        if self.asked_at:
            late = self.now - self.asked_at > PICKED_UP_WITHIN
            words = _("Asked for, and nobody runs it") if late else _("Runs in a moment")
            return Outcome("warn" if late else "run", "alert-triangle" if late else "loader-2", words)
        return self.last_outcome

    @property
    def last_outcome(self) -> Outcome:
        if self.run is None:
            return Outcome("idle", "hourglass", _("Has not run yet"))
        if not self.run.succeeded:
            return Outcome("bad", "circle-x", _("Failed: %(error)s") % {"error": self.run.error or _("no reason kept")})
        if self.overdue:
            return Outcome("warn", "alert-triangle", _("Should have run again"))
        return Outcome("ok", "circle-check", self._done_words(self.run.done))

    @property
    def overdue(self) -> bool:
        return self.next_at is not None and self.now - self.next_at > timedelta(minutes=2)

    @property
    def asked_at(self) -> datetime | None:
        return self.order.asked_at if self.order else None

    @property
    def ended_at(self) -> datetime | None:
        return self.run.ended_at if self.run else None

    @property
    def seconds(self) -> float | None:
        return self.run.seconds if self.run else None

    @property
    def next_at(self) -> datetime | None:
        """About when it runs next; None while it is paused, or where a schedule of an operator's own decides."""
        if self.paused or self.run is None or self.row.interval is None:
            return None
        return self.run.ended_at + self.row.interval.schedule.run_every

    def _done_words(self, done: int | None) -> str:
        if not done:
            return _("Done") if done is None else _("Nothing to do")
        return ngettext("%(n)s done", "%(n)s done", done) % {"n": done}


def load_job_rows(now: datetime | None = None) -> list[JobRow]:
    """Return all jobs by name. Three queries."""
    runs = {run.task: run for run in JobRun.objects.all()}
    orders = {order.task: order for order in JobOrder.objects.all()}
    now = now or clock.now()
    found = [JobRow(row, runs.get(row.task), orders.get(row.task), now) for row in our_rows()]
    return sorted(found, key=lambda job: job.name)


def find_job_row(task: str) -> JobRow | None:
    return next((job for job in load_job_rows() if job.task == task), None)


def our_rows() -> list[PeriodicTask]:
    return list(PeriodicTask.objects.filter(name__startswith=NAME_PREFIX).select_related("interval", "crontab"))
