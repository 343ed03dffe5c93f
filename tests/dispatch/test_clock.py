"""Fault 15: the clock is stepped an hour, forward or back, while notifications are on their way: no storm, no stop."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured

from access.actors import Actor
from catalog.models import Product
from dispatch import clock
from dispatch.actions import announce
from dispatch.claims import claim_due
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery, Lane
from tests.factories import make_publication, make_webhook
from tests.receiver import Answer, Receiver
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

BY = Actor.system("test")
HOUR = 3_600
Work = Callable[[], None]
Later = Callable[[float], None]


def tell(product: Product, times: int = 1) -> None:
    for _number in range(times):
        announce(make_publication(product), by=BY)


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def test_forward_with_retries_waiting_each_is_tried_once_more_and_not_once_per_missed_interval(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later
) -> None:
    Webhook.objects.update(retry_interval_seconds=60, max_attempts=5)
    receiver.answer("/hook", Answer(500))
    tell(product, 10)
    work()
    later(HOUR)
    work()
    assert len(receiver.requests()) == 20
    assert set(Delivery.objects.values_list("counted_attempts", flat=True)) == {2}


def test_forward_amid_flight_the_result_is_dropped_and_the_delivery_repeated_once(
    webhook: Webhook, product: Product, receiver: Receiver, dispatcher: Dispatcher, later: Later, work: Work
) -> None:
    """A lease that the step has ended belongs to whoever claims next: at most one repeat per slot, same id."""
    tell(product, 3)
    lost = claim_due(10).rows
    later(HOUR)
    work()
    assert len(lost) == 3
    assert len(receiver.requests()) == 3
    assert states() == {"delivered"}
    assert sorted(Attempt.objects.values_list("number", "outcome", "counted")) == [
        *[(1, "unknown", False)] * 3,
        *[(2, "answered", True)] * 3,
    ]


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_while_requests_are_in_flight_all_end_and_none_is_lost(
    webhook: Webhook, product: Product, receiver: Receiver, dispatcher: Dispatcher, later: Later, work: Work, step: int
) -> None:
    tell(product, 4)
    dispatcher.wake()
    while dispatcher.pool.in_flight < 4:
        dispatcher.step()
    later(step)
    work()
    for _time in range(3):
        # What went back to waiting for an hour of the wrong clock is due when that clock has caught up.
        later(HOUR)
        work()
    assert states() == {"delivered"}
    ids = [request.header("webhook-id") for request in receiver.requests()]
    assert len(set(ids)) == 4
    assert len(ids) <= 8


def test_back_with_nothing_waiting_new_notifications_go_out_at_once(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later
) -> None:
    tell(product)
    work()
    later(-HOUR)
    tell(product)
    work()
    assert len(receiver.requests()) == 2
    assert states() == {"delivered"}


def test_back_with_a_retry_waiting_it_waits_that_hour_longer_and_the_others_flow(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later
) -> None:
    Webhook.objects.update(retry_interval_seconds=60)
    receiver.answer("/hook", Answer(500), Answer(200))
    tell(product)
    work()
    later(-HOUR)
    tell(product)
    work()
    assert len(receiver.requests()) == 2
    later(HOUR + 60)
    work()
    assert len(receiver.requests()) == 3
    assert states() == {"delivered"}


def test_back_no_window_of_a_rate_limit_holds_more_than_its_limit(
    product: Product, receiver: Receiver, loopback: None, work: Work, later: Later
) -> None:
    webhook = make_webhook(
        request_uri=receiver.url("/hook"), products=[product], rate_limit_count=2, rate_limit_period_seconds=1
    )
    tell(product, 2)
    work()
    later(-HOUR)
    tell(product)
    assert claim_due(10).rows == []
    assert Lane.objects.get(webhook=webhook).open_at is not None
    # Slots booked by the wrong clock count until it has caught up with them: too careful, never too much.
    later(HOUR + 2)
    work()
    assert states() == {"delivered"}


def test_forward_an_embargo_ends_with_the_clock_and_back_it_ends_only_once(
    webhook: Webhook, product: Product, receiver: Receiver, dispatcher: Dispatcher, later: Later, work: Work
) -> None:
    make_publication(product, publish_at=clock.now() + timedelta(minutes=30))
    later(HOUR)
    dispatcher.next_poll = 0
    work()
    dispatcher.step()
    work()
    later(-HOUR)
    dispatcher.next_poll = 0
    dispatcher.step()
    work()
    assert len(receiver.requests()) == 1
    assert Delivery.objects.count() == 1


def test_the_offset_of_these_tests_is_refused_in_production(settings: Any) -> None:
    from portal.checks import check_clock

    settings.PORTAL_ENVIRONMENT, settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS = "production", HOUR
    assert [error.id for error in check_clock(None)] == ["portal.E008"]
    assert configured.PORTAL_TEST_CLOCK_OFFSET_SECONDS == HOUR
