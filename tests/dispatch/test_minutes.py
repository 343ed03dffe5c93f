"""Attempts by minute: the same before and after the job has counted them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from dispatch import clock, retention, tallies
from dispatch.minutes import READ_AT_MOST, read_minutes
from dispatch.models import Attempt, AttemptMinute, Delivery, Outcome
from tests.factories import make_attempt, make_delivery

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 19, 17, 32, 10, tzinfo=UTC)


def seen(since: datetime | None = None) -> dict[datetime, tuple[int, int, int]]:
    found: dict[datetime, Any] = {}
    for minute, *counts in read_minutes(since=since or AT - timedelta(days=1), counted_to=tallies.COUNTED_TO):
        before = found.get(minute, (0, 0, 0))
        found[minute] = tuple(a + b for a, b in zip(before, counts, strict=True))
    return found


def count_all() -> None:
    for _run in range(3):
        tallies.carry_on()


@pytest.fixture
def attempts() -> Any:
    """In one minute: delivered, tried again, failed for good, lost, handed back; one still open; one a minute later."""
    good, bad = make_delivery(), make_delivery()
    make_attempt(good, number=1, status=500, slot_at=AT)
    make_attempt(good, Outcome.UNKNOWN, number=2, counted=False, slot_at=AT + timedelta(seconds=1))
    make_attempt(good, Outcome.HANDED_BACK, number=3, counted=False, slot_at=AT)
    make_attempt(good, number=4, succeeded=True, status=200, slot_at=AT + timedelta(seconds=49))
    make_attempt(bad, Outcome.NO_ANSWER, number=1, slot_at=AT)
    make_attempt(bad, number=2, status=500, slot_at=AT + timedelta(minutes=1))
    ended = {"state": "failed", "reason": "exhausted", "due_at": None, "finished_at": AT, "attempts_made": 2}
    Delivery.objects.filter(pk=bad.pk).update(**ended)
    return make_attempt(make_delivery(), "", number=1, slot_at=clock.now())


def test_minutes_are_the_same_before_and_after_they_are_counted(attempts: Any) -> None:
    minute = AT.replace(second=0)
    expected = {minute: (1, 3, 0), minute + timedelta(minutes=1): (0, 0, 1)}
    assert seen() == expected
    for _run in range(3):
        tallies.carry_on()
        assert seen() == expected
    assert AttemptMinute.objects.count() == 2


def test_what_comes_later_is_added_to_its_minute(attempts: Any) -> None:
    attempts.delete()
    count_all()
    make_attempt(make_delivery(), succeeded=True, slot_at=AT)
    assert seen()[AT.replace(second=0)] == (2, 3, 0)
    count_all()
    assert seen()[AT.replace(second=0)] == (2, 3, 0)


def test_what_is_removed_before_it_was_counted_stays_in_its_minute(attempts: Any) -> None:
    attempts.delete()
    before = seen()
    with transaction.atomic():
        tallies.count_removed(Delivery.objects.values_list("pk", flat=True))
        Attempt.objects.all().delete()
    assert seen() == before


def test_only_what_is_asked_for_is_read(attempts: Any) -> None:
    assert seen(AT + timedelta(minutes=1)) == {AT.replace(second=0, minute=33): (0, 0, 1)}


def test_reader_far_behind_reads_no_whole_table(attempts: Any) -> None:
    rows: Any = read_minutes(since=AT, counted_to=tallies.COUNTED_TO)
    assert str(READ_AT_MOST) in str(rows.query)


def test_old_minutes_go(attempts: Any) -> None:
    for days in (9, 7):
        AttemptMinute.objects.create(minute=clock.now() - timedelta(days=days), delivered=1)
    retention.purge()
    assert [row.delivered for row in AttemptMinute.objects.filter(minute__gt=clock.now() - timedelta(days=20))] == [1]
