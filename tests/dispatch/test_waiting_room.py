"""Waiting inside a request: few may, none for long, and the words for what is waited for."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone, translation

from dispatch import waiting_room
from dispatch.models import Attempt, Delivery, DispatcherBeat, Lane
from dispatch.pages.waiting import explain_wait, tell_result
from dispatch.waiting_room import wait_for_result
from tests.factories import make_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery(db):
    return make_delivery()


@pytest.fixture
def seats(monkeypatch, settings):
    """A room of its own for each test, for so many web threads."""

    def furnish(threads):
        settings.PORTAL_WEB_THREADS = threads
        waiting_room._seats.cache_clear()
        return waiting_room._seats(threads)

    yield furnish
    waiting_room._seats.cache_clear()


def test_it_gives_up_after_its_patience(delivery, seats, monkeypatch):
    """ONS-11: without a script the request waits at most 5 s."""
    assert waiting_room.PATIENCE_SECONDS == 5
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 0.15)
    seats(8)
    before = time.monotonic()
    assert wait_for_result(delivery).state == "waiting"
    assert 0.1 < time.monotonic() - before < 2


def test_it_returns_with_the_first_result(delivery, seats, monkeypatch):
    seats(8)
    looks = []

    def a_moment_later(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            Delivery.objects.update(
                state="delivered", due_at=None, finished_at=timezone.now(), counted_attempts=1, last_status=204
            )

    monkeypatch.setattr(waiting_room.time, "sleep", a_moment_later)
    assert wait_for_result(delivery).last_status == 204
    assert len(looks) == 3


@pytest.mark.parametrize(("threads", "may_wait"), [(8, 2), (16, 4), (4, 1), (3, 0), (1, 0)])
def test_a_quarter_of_the_web_threads_may_wait(delivery, seats, monkeypatch, threads, may_wait):
    """delivery.md, Enviar: the others get their answer at once."""
    room = seats(threads)
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 60)
    monkeypatch.setattr(waiting_room.time, "sleep", lambda seconds: pytest.fail("it waits though the room is full"))
    for _ in range(may_wait):
        assert room.acquire(blocking=False)
    assert wait_for_result(delivery).state == "waiting"


def test_a_seat_is_given_back_even_when_waiting_fails(delivery, seats, monkeypatch):
    room = seats(4)
    monkeypatch.setattr(waiting_room.time, "sleep", lambda seconds: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        wait_for_result(delivery)
    assert isinstance(room, type(threading.BoundedSemaphore()))
    assert room.acquire(blocking=False)


@pytest.fixture
def _english():
    with translation.override("en"):
        yield


@pytest.mark.usefixtures("_english")
def test_what_it_waits_for_in_words(delivery):
    now = timezone.now()
    assert explain_wait(delivery, now=now).startswith("No dispatcher is running")
    beat = DispatcherBeat.objects.create(name="d", started_at=now, beat_at=now)
    assert explain_wait(delivery, now=now).startswith("Others are being sent before it.")
    Lane.objects.update(open_at=now + timedelta(minutes=1))
    assert explain_wait(delivery, now=now).startswith("The receiver asked for a pause until")
    delivery.webhook.rate_limit_count = 1
    assert explain_wait(delivery, now=now).startswith("The webhook's rate limit")
    delivery.lease_token, delivery.due_at = uuid4(), now + timedelta(seconds=60)
    assert explain_wait(delivery, now=now) == "Sent, and the receiver has not answered yet."
    beat.delete()
    delivery.state = "delivered"
    assert explain_wait(delivery, now=now) == ""


def test_a_result_in_one_sentence(delivery):
    now = timezone.now()
    delivery.state, delivery.last_status, delivery.attempts_made = "delivered", 204, 1
    done = {"finished_at": now, "outcome": "answered", "succeeded": True, "status": 204, "duration_ms": 360}
    Attempt.objects.create(
        delivery=delivery, webhook=delivery.webhook, number=1, lease_token=uuid4(), slot_at=now, **done
    )
    with translation.override("en"):
        assert tell_result(delivery, now=now) == "Delivered: 204 in 0.36 s."
        delivery.state, delivery.reason, delivery.last_diagnosis = "failed", "exhausted", "not_found"
        assert tell_result(delivery, now=now) == "Failed: Not found: 404 · Attempts exhausted."
