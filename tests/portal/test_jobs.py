"""Periodic jobs: their rows, and the beat that calls them without a broker."""

import importlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from celery import shared_task
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from portal.celery import app
from portal.jobs import JOBS, NAME_PREFIX, InProcessScheduler, Job, sync_jobs
from tests.structure.source import APPS

calls: list[str] = []


@shared_task(name="tests.good")
def good() -> None:
    calls.append("good")


@shared_task(name="tests.bad")
def bad() -> None:
    calls.append("bad")
    raise ValueError("no luck")


@pytest.fixture
def scheduler(transactional_db: None) -> Iterator[InProcessScheduler]:
    """A beat with two jobs that are due, one of which fails. It closes connections, so no transaction stands around."""
    calls.clear()
    sync_jobs([Job("a bad one", "tests.bad", 60), Job("a good one", "tests.good", 60)])
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=1))
    running = InProcessScheduler(app=app)
    yield running
    # Or it would do so when this process ends, without a database.
    running.sync()


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.task)
def test_every_job_names_a_task_that_exists(job: Job) -> None:
    module, _, name = job.task.rpartition(".")
    assert getattr(importlib.import_module(module), name).name == job.task


def test_every_task_of_ours_is_a_job() -> None:
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if name.partition(".")[0] in APPS}
    # No row: beat asks for it at every turn, so that nobody can pause it.
    assert ours - {"dispatch.tasks.drain"} == {job.task for job in JOBS}


@pytest.mark.django_db
def test_syncing_writes_changes_and_removes_rows_but_leaves_a_pause() -> None:
    sync_jobs([Job("one", "tests.good", 60), Job("two", "tests.good", 60)])
    PeriodicTask.objects.filter(name=f"{NAME_PREFIX}one").update(enabled=False)
    sync_jobs([Job("one", "tests.bad", 30)])
    row = PeriodicTask.objects.get(name__startswith=NAME_PREFIX)
    assert (row.task, row.enabled, row.interval.every, row.interval.period) == ("tests.bad", False, 30, "seconds")
    assert IntervalSchedule.objects.count() == 2


@pytest.mark.django_db
def test_an_operators_schedule_stays_whatever_our_default_becomes() -> None:
    sync_jobs([Job("one", "tests.good", 60)])
    row = PeriodicTask.objects.get()
    row.interval = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.MINUTES)
    row.save()
    for every, task in ((60, "tests.good"), (30, "tests.bad"), (300, "tests.bad"), (15, "tests.bad")):
        sync_jobs([Job("one", task, every)])
        row.refresh_from_db()
        assert (row.task, row.interval.every, row.interval.period) == (task, 5, "minutes")


@pytest.mark.django_db
def test_an_operators_time_of_day_stays() -> None:
    sync_jobs([Job("one", "tests.good", 60)])
    row = PeriodicTask.objects.get()
    row.interval, row.crontab = None, CrontabSchedule.objects.create(minute="7")
    row.save()
    sync_jobs([Job("one", "tests.good", 30)])
    row.refresh_from_db()
    assert (row.interval, row.crontab.minute) == (None, "7")


@pytest.mark.django_db
def test_our_own_new_interval_arrives_and_a_second_time_changes_nothing() -> None:
    sync_jobs([Job("one", "tests.good", 60)])
    [change] = sync_jobs([Job("one", "tests.good", 30)])
    assert change.what == "updated, every 30 s"
    assert PeriodicTask.objects.get().interval.every == 30
    assert sync_jobs([Job("one", "tests.good", 30)]) == []


@pytest.mark.django_db
def test_a_row_of_the_version_before_is_ours() -> None:
    every = IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name=f"{NAME_PREFIX}one", task="tests.good", interval=every)
    sync_jobs([Job("one", "tests.good", 30)])
    assert PeriodicTask.objects.get().interval.every == 30


@pytest.mark.django_db
def test_a_dry_run_says_what_would_change_and_changes_nothing() -> None:
    sync_jobs([Job("one", "tests.good", 60), Job("gone", "tests.good", 60)])
    changes = sync_jobs([Job("one", "tests.good", 30), Job("new", "tests.good", 60)], dry_run=True)
    assert {change.name: change.what for change in changes} == {
        "gancho: one": "updated, every 30 s",
        "gancho: new": "created, every 60 s",
        "gancho: gone": "removed",
    }
    rows = dict(PeriodicTask.objects.values_list("name", "interval__every"))
    assert rows == {"gancho: one": 60, "gancho: gone": 60}


@pytest.mark.django_db
def test_the_command_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sync_jobs", dry_run=True)
    assert capsys.readouterr().out.count("created, every") == len(JOBS)
    assert not PeriodicTask.objects.exists()


def test_a_clock_that_is_set_back_does_not_stop_the_jobs(scheduler: InProcessScheduler) -> None:
    """Fault 15: what ran an hour from now has just run."""
    for entry in scheduler.schedule.values():
        entry.last_run_at = timezone.now() + timedelta(hours=1)
    scheduler.tick()
    assert calls == []
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=True):
        for _ in range(4):
            scheduler.tick()
    assert sorted(calls) == ["bad", "good"]


@pytest.mark.django_db
def test_the_command_writes_the_table() -> None:
    call_command("sync_jobs", verbosity=0)
    assert set(PeriodicTask.objects.values_list("task", flat=True)) == {job.task for job in JOBS}


def test_due_jobs_are_called_here_and_a_failing_one_stops_nobody(scheduler: InProcessScheduler) -> None:
    # A tick handles one due entry and says when the next one is due: at once.
    for _ in range(4):
        scheduler.tick()
    assert sorted(calls) == ["bad", "good"]
    scheduler.sync()
    assert all(row.last_run_at > timezone.now() - timedelta(minutes=1) for row in PeriodicTask.objects.all())
    assert 0 < scheduler.tick() <= 5


def test_a_paused_job_is_not_called(scheduler: InProcessScheduler) -> None:
    for row in PeriodicTask.objects.all():
        row.enabled = False
        row.save()
    for _ in range(4):
        scheduler.tick()
    assert calls == []
