"""What operations should look at first: failing, stopped and slow webhooks, read from few rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from access.actors import Actor
from dispatch.bounded import OPEN_AT_MOST, count_open, open_text
from dispatch.models import Delivery, Lane
from dispatch.troubles import SHOWN, find_slowest, find_troubles, percentile, read_first_waits
from tests.factories import make_attempt, make_delivery, make_event, make_webhook
from webhooks.actions import archive_webhook, stop_webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def fail(webhook: Any, in_row: int) -> None:
    Lane.objects.update_or_create(
        webhook=webhook, defaults={"failures_in_row": in_row, "failing_since": timezone.now() - timedelta(hours=1)}
    )


def hour_ago() -> Any:
    return timezone.now() - timedelta(hours=1)


def test_worst_come_first_and_stopped_ones_keep_their_places() -> None:
    webhooks = [make_webhook() for _ in range(SHOWN + 3)]
    for place, webhook in enumerate(webhooks):
        fail(webhook, place + 1)
    stop_webhook(webhooks[-1], reason="gone", by=BY)
    archive_webhook(webhooks[-2], by=BY)
    shown = [trouble.webhook for trouble in find_troubles(since=hour_ago())]
    assert shown == [*reversed(webhooks[2 : SHOWN + 1]), webhooks[-1]]


def test_share_counts_what_was_tried_in_the_time_and_is_never_rounded_to_nothing() -> None:
    webhook = make_webhook()
    fail(webhook, 1)
    delivery = make_delivery(webhook=webhook)
    for number in range(1, 202):
        make_attempt(delivery, number=number, succeeded=number > 1)
    make_attempt(delivery, number=300, slot_at=timezone.now() - timedelta(hours=2))
    make_attempt(delivery, "handed_back", number=301, counted=False)
    [trouble] = find_troubles(since=hour_ago())
    assert (trouble.tried, trouble.failed, trouble.share) == (201, 1, "1 %")


def test_troubles_take_the_same_queries_however_many(django_assert_num_queries: Any) -> None:
    for in_row in (1, 2, 3):
        fail(make_webhook(), in_row)
    with django_assert_num_queries(6):
        find_troubles(since=hour_ago())


def test_open_ones_are_counted_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from dispatch import bounded

    monkeypatch.setattr(bounded, "OPEN_AT_MOST", 2)
    one, two = make_webhook(), make_webhook()
    for webhook, count in ((one, 1), (two, 5)):
        for _ in range(count):
            make_delivery(webhook=webhook, event=make_event())
    Delivery.objects.filter(webhook=one).update(state="held", reason="webhook_inactive", due_at=None)
    assert count_open([one.pk, two.pk]) == {one.pk: 1, two.pk: 3}
    assert (bounded.open_text(1), bounded.open_text(3)) == ("1", "2+")
    assert open_text(OPEN_AT_MOST) != ""


def test_slowest_are_found_among_those_that_answered_often_enough() -> None:
    slow, quick, once = make_webhook(), make_webhook(), make_webhook()
    for webhook, durations in ((slow, [100, 200, 9_000]), (quick, [5, 6, 7]), (once, [60_000])):
        delivery = make_delivery(webhook=webhook)
        for number, duration in enumerate(durations, 1):
            make_attempt(delivery, number=number, succeeded=True, duration_ms=duration)
    first, second = find_slowest(since=hour_ago())
    assert (first.webhook, first.median_ms, first.p95_ms, first.attempts) == (slow, 200, 9_000, 3)
    assert second.webhook == quick


@pytest.mark.parametrize(
    ("values", "share", "expected"), [([1], 95, 1), ([3, 1, 2], 50, 2), (list(range(1, 101)), 95, 95)]
)
def test_percentile_is_a_value_that_occurred(values: list[int], share: int, expected: int) -> None:
    assert percentile(values, share) == expected


def test_waits_are_those_of_first_attempts() -> None:
    now = timezone.now()
    delivery = make_delivery(created_at=now - timedelta(seconds=3))
    make_attempt(delivery, number=1, slot_at=now)
    make_attempt(delivery, number=2, slot_at=now + timedelta(minutes=5))
    assert read_first_waits(since=hour_ago()) == [3000]
