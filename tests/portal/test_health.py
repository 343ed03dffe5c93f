"""Health pages: what they need, what they only tell, and that they tell nothing else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from dispatch import clock
from dispatch.models import DispatcherBeat
from portal import health


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    health._migrated.clear()
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
    checks = {"database": "ok", "migrations": "ok", "keys": "ok", "dispatcher": "none"}
    assert response.json() == {"ready": True, "checks": checks}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "state"), [(1, "ok"), (29, "ok"), (31, "late")])
def test_a_silent_dispatcher_is_told_and_does_not_count(client: Client, age: int, state: str) -> None:
    now = clock.now()
    DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now - timedelta(seconds=age))
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["checks"]["dispatcher"]) == (200, state)


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


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_only_reading(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
