"""What operators ask of the periodic jobs: a pause, its end, a run now."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import shared_task
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from access.errors import ActionError
from access.models import AuditEntry
from portal import job_orders, jobs
from portal.celery import app
from portal.jobs import JOBS, InProcessScheduler, Job, sync_jobs
from portal.models import JobOrder, JobRun
from portal.operations.job_rows import load_job_rows
from portal.operations.job_words import EFFECTS
from tests.access.test_admin_people import staff_with
from tests.people import Person
from tests.webhooks.pages import text

TASK = "tests.ordered"
calls: list[str] = []


@shared_task(name=TASK)
def ordered() -> int:
    calls.append(TASK)
    return 7


@pytest.fixture(autouse=True)
def _one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    monkeypatch.setattr(jobs, "JOBS", (Job("ordered", TASK, 3600),))


@pytest.fixture
def row(db: None) -> PeriodicTask:
    sync_jobs(jobs.JOBS)
    return PeriodicTask.objects.get()


@pytest.fixture
def scheduler(transactional_db: None) -> Iterator[InProcessScheduler]:
    sync_jobs(jobs.JOBS)
    running = InProcessScheduler(app=app)
    yield running
    running.sync()


def address(verb: str, task: str = TASK) -> str:
    return reverse(f"admin:operations_job_{verb}", args=[task])


def test_run_asked_for_is_made_once_by_the_next_turn_of_the_beat(
    scheduler: InProcessScheduler, officer: Person
) -> None:
    scheduler.tick()
    assert calls == []
    officer.client.post(address("run"))
    officer.client.post(address("run"))
    assert calls == [], "the page runs nothing itself"
    for _ in range(3):
        scheduler.tick()
    assert calls == [TASK]
    assert JobRun.objects.get().done == 7
    assert JobOrder.objects.get().asked_at is None
    assert AuditEntry.objects.filter(action="portal.job.asked", actor_user=officer.user).count() == 2


def test_paused_job_runs_when_it_is_asked_for_and_stays_paused(scheduler: InProcessScheduler, officer: Person) -> None:
    officer.client.post(address("pause"))
    officer.client.post(address("run"))
    for _ in range(3):
        scheduler.tick()
    assert calls == [TASK]
    assert PeriodicTask.objects.get().enabled is False


def test_of_two_beats_one_takes_a_request(row: PeriodicTask, officer: Person) -> None:
    job_orders.ask_for_run(row, by=officer.actor)
    assert [job_orders.take_asked(), job_orders.take_asked()] == [[TASK], []]


def test_database_that_is_away_does_not_end_the_beat(
    scheduler: InProcessScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def gone() -> list[str]:
        raise OperationalError("gone")

    monkeypatch.setattr(job_orders, "take_asked", gone)
    assert scheduler.tick() > 0


def test_pause_and_its_end_are_kept_shown_and_recorded(row: PeriodicTask, officer: Person) -> None:
    officer.client.post(address("pause"))
    [shown] = load_job_rows()
    assert (shown.paused, shown.outcome.word, shown.next_at) == (True, "Paused by Officer", None)
    assert sync_jobs(jobs.JOBS) == [], "a pause outlives an upgrade"
    officer.client.post(address("resume"))
    [shown] = load_job_rows()
    assert (shown.paused, shown.outcome.word) == (False, "Has not run yet")
    entries = AuditEntry.objects.filter(action__startswith="portal.job.").order_by("pk")
    assert [(entry.action, entry.before, entry.after) for entry in entries] == [
        ("portal.job.paused", {"paused": False}, {"paused": True}),
        ("portal.job.resumed", {"paused": True}, {"paused": False}),
    ]


def test_question_says_what_the_job_does_and_who_has_paused_it(officer: Person) -> None:
    sync_jobs(JOBS)
    task = "portal.tasks.erase_participants"
    for verb in ("run", "pause"):
        assert "Without an order it erases nobody." in text(officer.client.get(address(verb, task)))
    assert "This job is not paused." in text(officer.client.get(address("resume", task)))
    assert "Resume this job" not in text(officer.client.get(address("resume", task)))
    officer.client.post(address("pause", task))
    page = text(officer.client.get(address("resume", task)))
    for words in ("Paused by Officer", "today", "Resume this job", "It will run by its schedule again."):
        assert words in page, words
    assert "Pause this job" not in text(officer.client.get(address("pause", task)))


def test_every_job_says_what_it_does() -> None:
    assert {job.task for job in JOBS} == set(EFFECTS)


def test_second_press_is_refused_and_changes_nothing(row: PeriodicTask, officer: Person) -> None:
    job_orders.pause_job(row, by=officer.actor)
    with pytest.raises(ActionError):
        job_orders.pause_job(row, by=officer.actor)
    page = officer.client.post(address("pause"), follow=True)
    assert "This job is paused already." in text(page)
    assert AuditEntry.objects.filter(action="portal.job.paused").count() == 1


@pytest.mark.parametrize("verb", ["run", "pause", "resume"])
def test_question_comes_first_and_only_who_may_is_asked(row: PeriodicTask, officer: Person, verb: str) -> None:
    assert officer.client.get(address(verb)).status_code == 200
    reader, client = staff_with("view_operations")
    assert client.get(reverse("admin:operations_jobs")).status_code == 200
    assert address("run") not in text(client.get(reverse("admin:operations_jobs")))
    for method in (client.get, client.post):
        assert method(address(verb)).status_code == 403
    assert not JobOrder.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="portal.job.", actor_user=reader).exists()


@pytest.mark.parametrize("task", ["os.system", "celery.backend_cleanup", "tests.other"])
def test_only_our_jobs_can_be_asked_for(row: PeriodicTask, officer: Person, task: str) -> None:
    PeriodicTask.objects.create(name="somebody else's", task="tests.other", interval=row.interval)
    for verb in ("run", "pause", "resume"):
        assert officer.client.post(address(verb, task)).status_code == 404
    assert not JobOrder.objects.exists()


@pytest.mark.parametrize(
    ("run", "tone", "word"),
    [
        ({"succeeded": True, "done": 0}, "ok", "Nothing to do"),
        ({"succeeded": True, "done": 3}, "ok", "3 done"),
        ({"succeeded": True, "done": None}, "ok", "Done"),
        ({"succeeded": False, "error": "OperationalError"}, "bad", "Failed: OperationalError"),
    ],
)
def test_result_of_the_last_run_is_told(row: PeriodicTask, run: dict[str, Any], tone: str, word: str) -> None:
    from dispatch import clock

    JobRun.objects.create(task=TASK, ended_at=clock.now(), seconds=0.2, **run)
    [shown] = load_job_rows()
    assert (shown.outcome.tone, shown.outcome.word) == (tone, word)


def test_kind_of_a_failure_is_kept_and_never_its_words(row: PeriodicTask) -> None:
    from portal import job_runs

    job_runs.note(TASK, error="ValueError", seconds=0.1, result="a secret")
    kept = JobRun.objects.get()
    assert (kept.succeeded, kept.error, kept.done) == (False, "ValueError", None)
