"""Health pages: what they need, what they only tell, and that they tell nothing else."""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from dispatch import clock
from dispatch.models import Delivery, DispatcherBeat, Lane
from portal import health
from portal.models import JobRun
from tests.factories import make_delivery


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    health._migrated.clear()
    health._overdue.asked_at = -math.inf
    yield
    health._migrated.clear()


def test_alive_without_asking_the_database(client: Client) -> None:
    # No database fixture: a query would fail here.
    response = client.get("/health/live")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_ready_when_database_migrations_and_keys_are_there(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    needed = {"database": "ok", "migrations": "ok", "keys": "ok"}
    told = {"dispatcher": "none", "due": "ok", "jobs": "none"}
    assert response.json() == {"ready": True, "checks": needed | told}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "state"), [(1, "ok"), (29, "ok"), (31, "late"), (61, "silent")])
def test_a_silent_dispatcher_is_told_and_takes_no_web_server_away(client: Client, age: int, state: str) -> None:
    sending(dispatcher=age)
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["checks"]["dispatcher"]) == (200, state)


def sending(*, dispatcher: float = 1, jobs: float = 1) -> None:
    """A dispatcher and a job that showed life so many seconds ago."""
    now = clock.now()
    DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now - timedelta(seconds=dispatcher))
    JobRun.objects.create(task="a.job", ended_at=now - timedelta(seconds=jobs))


@pytest.mark.django_db
def test_delivering_while_dispatcher_and_jobs_live_and_nothing_waits_too_long(client: Client) -> None:
    sending()
    make_delivery(due_at=clock.now() - timedelta(seconds=299))
    response = client.get("/health/delivering")
    assert response.status_code == 200
    checks = {"database": "ok", "dispatcher": "ok", "due": "ok", "jobs": "ok"}
    assert response.json() == {"delivering": True, "checks": checks}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "status"), [(59, 200), (61, 503)])
def test_not_delivering_once_the_dispatcher_is_silent_for_a_minute(client: Client, age: int, status: int) -> None:
    sending(dispatcher=age)
    assert client.get("/health/delivering").status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "status"), [(89, 200), (91, 503), (-3_600, 503)])
def test_not_delivering_once_the_jobs_are_silent(client: Client, age: int, status: int) -> None:
    sending(jobs=age)
    response = client.get("/health/delivering")
    assert (response.status_code, response.json()["checks"]["jobs"]) == (status, "ok" if status == 200 else "silent")


@pytest.mark.django_db
def test_not_delivering_where_nobody_ever_sent(client: Client) -> None:
    response = client.get("/health/delivering")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "dispatcher": "none", "due": "ok", "jobs": "none"}


@pytest.mark.django_db
def test_not_delivering_when_something_is_due_for_longer_than_allowed(client: Client, settings: Any) -> None:
    sending()
    make_delivery(due_at=clock.now() - timedelta(seconds=301))
    response = client.get("/health/delivering")
    assert (response.status_code, response.json()["checks"]["due"]) == (503, "overdue")
    assert client.get("/health/ready").status_code == 200
    settings.PORTAL_READY_OLDEST_DUE_SECONDS = 600
    assert client.get("/health/delivering").status_code == 200


@pytest.mark.django_db
def test_a_receiver_that_asked_us_to_wait_makes_nothing_late(client: Client) -> None:
    sending()
    late = make_delivery(due_at=clock.now() - timedelta(seconds=301))
    Lane.objects.filter(webhook=late.webhook).update(open_at=clock.now() + timedelta(minutes=10))
    response = client.get("/health/delivering")
    assert (response.status_code, response.json()["checks"]["due"]) == (200, "slow")


@pytest.mark.django_db
def test_the_dear_question_is_asked_once_in_a_while_only(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sending()
    make_delivery(due_at=clock.now() - timedelta(seconds=301))
    asked = []
    monkeypatch.setattr(health, "find_oldest_neglected", lambda now, limit: asked.append(limit) or limit)
    for _time in range(3):
        assert client.get("/health/delivering").status_code == 503
    assert len(asked) == 1


@pytest.mark.django_db
def test_what_is_due_later_or_held_is_not_late(client: Client) -> None:
    sending()
    make_delivery(due_at=clock.now() + timedelta(hours=1))
    held = make_delivery(due_at=clock.now() - timedelta(hours=1))
    Delivery.objects.filter(pk=held.pk).update(state="held", reason="webhook_inactive", due_at=None)
    assert client.get("/health/delivering").json()["checks"]["due"] == "ok"


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_pending(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'dispatch'")
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["checks"]["migrations"]) == (503, "pending")


@pytest.mark.django_db
def test_not_ready_with_the_keys_of_another_installation(client: Client, settings: Any) -> None:
    client.get("/health/ready")
    settings.PORTAL_DATA_KEYS = "k1:b3RoZXJzLW9ubHkta2V5LW51bWJlci1vbmUtMzItYiE="
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["checks"]["keys"]) == (503, "wrong")
    assert "k1" not in response.content.decode()


@pytest.mark.django_db
def test_not_ready_when_the_database_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise DatabaseError("connection to server at 10.0.0.7 refused")

    monkeypatch.setattr(health, "_database", gone)
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["checks"]["database"]) == (503, "unreachable")
    assert "10.0.0.7" not in response.content.decode()
    assert client.get("/health/delivering").status_code == 503


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/health/delivering"])
def test_only_reading(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
