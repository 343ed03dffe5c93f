"""When a notification is tried again, and how often, against a real receiver: UNICO-14, UNICO-15, X-1, GSAN-12."""

import re
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.urls import reverse

from access.actors import Actor
from catalog.models import Product
from dispatch.actions import announce
from dispatch.dispatcher import Dispatcher
from dispatch.models import Delivery, ProductStatus
from tests.factories import make_publication, make_webhook
from tests.people import Person
from tests.receiver import Answer, Hang, Receiver, Reset
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

BY = Actor.system("test")
Work = Callable[[], None]
Later = Callable[[float], None]


def tell(product: Product) -> Delivery:
    announce(make_publication(product), by=BY)
    return Delivery.objects.latest("pk")


def configure(webhook: Webhook, **values: Any) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(**values)


@pytest.mark.parametrize(
    ("backoff", "minutes"),
    [
        ("fixed", [10, 10, 10, 10]),
        # Interval x 2^(k-1).
        ("exponential", [10, 20, 40, 80]),
    ],
)
def test_attempts_are_an_interval_apart_and_not_a_second_less(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later, backoff: str, minutes: list[int]
) -> None:
    configure(webhook, retry_interval_seconds=600, max_attempts=5, backoff=backoff)
    receiver.answer("/hook", Answer(500))
    delivery = tell(product)
    work()
    for made, wait in enumerate(minutes, start=1):
        last = delivery.attempts.get(number=made)
        delivery.refresh_from_db()
        # From start to start.
        assert delivery.due_at == last.slot_at + timedelta(minutes=wait)
        later(wait * 60 - 5)
        work()
        assert len(receiver.requests()) == made
        later(5)
        work()
        assert len(receiver.requests()) == made + 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason, delivery.counted_attempts) == ("failed", "exhausted", 5)


def test_a_growing_interval_ends_at_twelve_hours(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later
) -> None:
    configure(webhook, retry_interval_seconds=4 * 3_600, max_attempts=5, backoff="exponential")
    receiver.answer("/hook", Answer(500))
    delivery = tell(product)
    for hours in (4, 8, 12, 12):
        work()
        delivery.refresh_from_db()
        assert delivery.due_at is not None
        assert delivery.last_attempt_at is not None
        assert delivery.due_at - delivery.last_attempt_at == timedelta(hours=hours)
        later(hours * 3_600)


@pytest.mark.timeout(40)
def test_attempts_are_that_far_apart_at_the_receiver_by_a_real_clock(
    webhook: Webhook, product: Product, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    # The form takes minutes; what it stores are seconds.
    configure(webhook, retry_interval_seconds=1, max_attempts=3)
    receiver.answer("/hook", Answer(503))
    tell(product)
    deadline = time.monotonic() + 15
    while Delivery.objects.open().exists() and time.monotonic() < deadline:
        dispatcher.step()
    moments = [request.started_at for request in receiver.requests()]
    assert len(moments) == 3
    # The slot is booked in the claim, the request starts within 50 ms of it.
    assert all(0.9 < after - before < 2.5 for before, after in pairwise(moments))
    assert Delivery.objects.get().reason == "exhausted"


@pytest.mark.parametrize("maximum", [1, 7])
def test_an_always_failing_receiver_gets_exactly_the_maximum(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later, maximum: int
) -> None:
    """UNICO-15: exactly n requests, then the notification is marked failed."""
    configure(webhook, retry_interval_seconds=60, max_attempts=maximum)
    receiver.answer("/hook", Answer(500))
    delivery = tell(product)
    for _time in range(maximum + 3):
        work()
        later(60)
    assert len(receiver.requests()) == maximum
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason, delivery.counted_attempts) == ("failed", "exhausted", maximum)
    assert ProductStatus.objects.get().state == "failed"


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_2xx_is_success(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later, status: int
) -> None:
    """X-1."""
    receiver.answer("/hook", Answer(status))
    delivery = tell(product)
    work()
    later(86_400)
    work()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_status, len(receiver.requests())) == ("delivered", status, 1)


@pytest.mark.parametrize("status", [300, 307, 400, 401, 404, 429, 500, 599])
def test_every_other_answer_is_an_error_and_sent_again(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later, status: int
) -> None:
    """X-1: by the rule of the webhook."""
    configure(webhook, retry_interval_seconds=60)
    receiver.answer("/hook", Answer(status), Answer(200))
    delivery = tell(product)
    work()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.counted_attempts, delivery.last_status) == ("waiting", 1, status)
    later(60)
    work()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.counted_attempts) == ("delivered", 2)


@pytest.mark.parametrize("trouble", [Reset(), Hang()], ids=["reset", "hang"])
def test_a_network_error_and_a_time_out_are_errors_and_sent_again(
    webhook: Webhook, product: Product, receiver: Receiver, work: Work, later: Later, settings: Any, trouble: Any
) -> None:
    """X-1."""
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 1
    configure(webhook, retry_interval_seconds=60)
    receiver.answer("/hook", trouble, Answer(200))
    assert_sent_again(tell(product), work, later)


def test_a_receiver_that_is_down_is_sent_it_again(webhook: Webhook, product: Product, work: Work, later: Later) -> None:
    """X-1."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    configure(webhook, request_uri=f"http://127.0.0.1:{port}/hook", retry_interval_seconds=60)
    delivery = tell(product)
    work()
    with Receiver(port=port):
        assert_sent_again(delivery, work, later)


def assert_sent_again(delivery: Delivery, work: Work, later: Later) -> None:
    work()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.counted_attempts, delivery.last_status) == ("waiting", 1, None)
    later(60)
    work()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.counted_attempts) == ("delivered", 2)


def test_the_way_of_growing_is_chosen_in_the_form_and_said_in_words(owner: Person, receiver: Receiver) -> None:
    form = owner.client.get(reverse("webhooks:webhook-create")).content.decode()
    assert "Exponential doubles the interval with every attempt, up to 12 hours." in form
    assert re.search(r'name="backoff"[^>]*value="exponential"|value="exponential"[^>]*name="backoff"', form)


def test_the_page_of_a_notification_says_which_rule_it_follows(
    owner: Person, product: Product, receiver: Receiver, loopback: None
) -> None:
    webhook = make_webhook(
        participant=owner.participant,
        request_uri=receiver.url("/hook"),
        products=[product],
        retry_interval_seconds=600,
        backoff="exponential",
    )
    page = reverse("dispatch:delivery-detail", args=[tell(product).uuid])
    assert "growing interval from 10 min" in owner.client.get(page).content.decode()
    configure(webhook, backoff="fixed")
    assert "fixed interval of 10 min" in owner.client.get(page).content.decode()


def test_a_participant_follows_each_event_from_waiting_to_success(
    owner: Person, product: Product, receiver: Receiver, loopback: None, work: Work, later: Later
) -> None:
    """GSAN-12: events are visible with their state, and the success is told: to the receiver as the callback that it
    answers, to people on the pages."""
    make_webhook(
        participant=owner.participant, request_uri=receiver.url("/hook"), products=[product], retry_interval_seconds=60
    )
    receiver.answer("/hook", Answer(500), Answer(200))
    delivery = tell(product)
    assert shown_state(owner, delivery) == "On its way"
    work()
    assert shown_state(owner, delivery).startswith("New attempt at")
    later(60)
    work()
    assert shown_state(owner, delivery) == "Delivered"
    callback = receiver.requests()[-1]
    assert callback.header("gancho-event-id") == str(delivery.event.uuid)
    assert callback.header("gancho-event-type") == "publication.published"
    listed = owner.client.get(reverse("dispatch:delivery-list"), {"state": "delivered"}).content.decode()
    assert str(delivery.uuid) in listed


def shown_state(person: Person, delivery: Delivery) -> str:
    page = person.client.get(reverse("dispatch:delivery-detail", args=[delivery.uuid])).content.decode()
    found = re.search(r'(<span id="delivery-state".*?)</h1>|(<span id="delivery-state".*?)</div>', page, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())
