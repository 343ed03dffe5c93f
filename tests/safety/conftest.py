"""The world in which everybody knocks at every door; and what the tests of canaries share: people, a log that is read,
a broker, and receivers that count as public."""

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu.transport import memory

from dispatch import broker
from outbound.targets import Target
from portal.celery import app
from portal.logging import build_formatter
from tests.people import Person
from tests.safety.world import world  # noqa: F401


@pytest.fixture
def lines() -> Iterator[Callable[[], str]]:
    """What the process logs meanwhile, formatted as in production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(build_formatter(readable=False))
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream.getvalue
    root.removeHandler(handler)


@pytest.fixture
def public(loopback: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The receiver on loopback counts as one in the internet, so that its answers are kept and shown."""
    monkeypatch.setattr(Target, "is_private", lambda self, address: False)
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = settings.PORTAL_TOKEN_DEADLINE_SECONDS = 0.5
    settings.PORTAL_WEB_THREADS = 1


@pytest.fixture
def people(owner: Person, officer: Person) -> dict[str, Person]:
    return {
        "viewer": owner.colleague("viewer"),
        "technical": owner.colleague("technical"),
        "administrator": owner,
        "officer": officer,
    }


@pytest.fixture
def memory_broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A broker inside this process, with nobody who takes its messages; PostgreSQL and this one go together."""
    url = "memory://"
    settings.CELERY_BROKER_URL, settings.PORTAL_HAS_BROKER = url, True
    monkeypatch.setitem(app.conf, "broker_url", url)
    monkeypatch.setattr(broker, "_callers", [broker.Caller()])
    monkeypatch.setattr(memory.Channel, "queues", {})
    yield url
    broker._callers[0].flush()
