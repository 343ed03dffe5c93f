"""Periodic jobs: their rows, and the beat that calls them without a broker."""

import importlib
from datetime import timedelta
from typing import Any

import pytest
from celery import shared_task
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

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
def scheduler(transactional_db: None) -> Any:
    """A beat with two jobs that are due, one of which fails. It closes connections, so no transaction stands around."""
    calls.clear()
    sync_jobs([Job("a bad one", "tests.bad", 60), Job("a good one", "tests.good", 60)])
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=1))
    return InProcessScheduler(app=app)


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
