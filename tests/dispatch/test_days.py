"""What lists draw of fourteen days: the same before and after the job has counted, whatever the purge removes."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch import clock, retention, tallies
from dispatch.models import Attempt, Delivery, Event, Outcome, WebhookDay
from dispatch.pages.figures import load_figures, load_sparks
from tests.factories import make_attempt, make_delivery, make_webhook

pytestmark = pytest.mark.django_db


def drawn(*webhooks: Any) -> list[list[tuple[int, int]]]:
    found = load_sparks([webhook.pk for webhook in webhooks], now=clock.now())
    return [[(day.delivered, day.failed) for day in found[webhook.pk].days] for webhook in webhooks]


def count_all() -> None:
    for _run in range(3):
        tallies.carry_on()


@pytest.fixture
def two() -> list[Any]:
    """Two webhooks with attempts of today, yesterday and thirteen, fourteen and twenty days ago."""
    webhooks = [make_webhook(), make_webhook()]
    for webhook in webhooks:
        for days in (20, 14, 13, 1, 1, 0):
            at = clock.now() - timedelta(days=days)
            delivery = make_delivery(webhook=webhook, created_at=at)
            make_attempt(delivery, number=1, status=500, slot_at=at)
            make_attempt(delivery, Outcome.HANDED_BACK, number=2, counted=False, slot_at=at)
            make_attempt(delivery, number=3, succeeded=True, status=200, slot_at=at)
    make_attempt(delivery, Outcome.NO_ANSWER, number=4)
    return webhooks


def test_days_are_drawn_the_same_before_and_after_they_are_counted(two: list[Any]) -> None:
    expected = drawn(*two)
    quiet = [(0, 0)] * 11
    assert expected == [[(1, 1), *quiet, (2, 2), (1, 1)], [(1, 1), *quiet, (2, 2), (1, 2)]]
    for _run in range(3):
        tallies.carry_on()
        assert drawn(*two) == expected
    assert WebhookDay.objects.filter(webhook=two[0]).count() == 5


def test_what_comes_after_the_count_is_added_and_counted_once(two: list[Any]) -> None:
    count_all()
    before = drawn(two[0])[0]
    make_attempt(make_delivery(webhook=two[0]), succeeded=True, status=200)
    expected = [*before[:-1], (before[-1][0] + 1, before[-1][1])]
    assert drawn(two[0]) == [expected]
    count_all()
    assert drawn(two[0]) == [expected]


def test_counted_days_need_none_of_the_attempts(two: list[Any]) -> None:
    """The purge removes them, and a list draws what they came to."""
    expected = drawn(*two)
    count_all()
    Attempt.objects.filter(slot_at__lt=clock.now() - timedelta(hours=1)).delete()
    assert drawn(*two) == expected


def test_a_test_or_a_certification_is_not_drawn(two: list[Any]) -> None:
    Event.objects.update(mode="test")
    empty = [[(0, 0)] * 14] * 2
    assert drawn(*two) == empty
    count_all()
    assert drawn(*two) == empty


def test_old_days_go_with_the_notifications(two: list[Any], settings: Any) -> None:
    count_all()
    Delivery.objects.update(state="delivered", due_at=None, finished_at=clock.now())
    settings.PORTAL_KEEP_DELIVERIES_DAYS = 5
    retention.purge()
    assert WebhookDay.objects.count() == 4
    assert drawn(two[0])[0][-2:] == [(2, 2), (1, 1)]


def test_the_median_is_that_of_the_newest(two: list[Any]) -> None:
    Attempt.objects.filter(succeeded=True).update(duration_ms=80)
    newest = Attempt.objects.filter(webhook=two[0], succeeded=True).order_by("-slot_at")[:4]
    Attempt.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).update(duration_ms=20)
    assert load_figures(two[0].pk, now=clock.now()).median_ms == 20
