"""Each run of a periodic job leaves its row, whoever runs it."""

from datetime import timedelta
from typing import Any

import pytest
from celery import shared_task
from celery.app.trace import task_has_custom
from django.db import DatabaseError
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from portal import job_runs, jobs
from portal.celery import app
from portal.jobs import InProcessScheduler, Job, sync_jobs
from portal.models import JobRun


@shared_task(name="tests.noted")
def noted() -> str:
    return "result"


@shared_task(name="tests.failing")
def failing() -> None:
    raise ValueError("no luck")


@pytest.fixture(autouse=True)
def _jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "JOBS", (Job("noted", "tests.noted", 60), Job("failing", "tests.failing", 60)))


@pytest.mark.django_db
def test_a_run_is_noted_with_its_end_and_what_came_of_it() -> None:
    before = timezone.now()
    assert noted() == "result"
    with pytest.raises(ValueError, match="no luck"):
        failing()
    runs = {run.task: run.succeeded for run in JobRun.objects.all()}
    assert runs == {"tests.noted": True, "tests.failing": False}
    assert before - timedelta(seconds=1) <= (job_runs.last_run_at() or before) <= timezone.now() + timedelta(seconds=1)


@pytest.mark.django_db
def test_the_row_is_of_the_last_run() -> None:
    noted()
    JobRun.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    noted()
    assert JobRun.objects.get().ended_at > timezone.now() - timedelta(minutes=1)


@pytest.mark.django_db
def test_a_task_that_is_no_job_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "JOBS", ())
    assert noted() == "result"
    assert not JobRun.objects.exists()
    assert job_runs.last_run_at() is None


def test_a_worker_goes_the_same_way() -> None:
    # A worker calls the function itself unless the task's class has a way of its own.
    assert task_has_custom(app.tasks["tests.noted"], "__call__")


def test_the_process_without_a_broker_notes_it_too(transactional_db: None) -> None:
    sync_jobs(jobs.JOBS)
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=1))
    scheduler: Any = InProcessScheduler(app=app)
    for _turn in range(4):
        scheduler.tick()
    assert JobRun.objects.count() == 2


def test_a_database_that_is_away_turns_no_good_run_into_a_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**values: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(JobRun.objects, "update_or_create", gone)
    monkeypatch.setattr("dispatch.clock.now", timezone.now)
    assert noted() == "result"
