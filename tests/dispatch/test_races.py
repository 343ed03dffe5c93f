"""Two at once, for real: threads with connections of their own, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone

from access.actors import Actor
from dispatch import claims, fan_out, lanes, sending, statuses
from dispatch.actions import announce, cancel, publish
from dispatch.claims import claim_due
from dispatch.models import Delivery, Event, Lane, ProductStatus
from dispatch.records import Finished, record_results
from dispatch.sending import Press, send_product
from outbound.transfer import Result
from tests.at_once import at_once
from tests.factories import make_delivery, make_event, make_product, make_publication, make_webhook

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BY = Actor.system("test")


def settle(delivery_id: int) -> None:
    Delivery.objects.filter(pk=delivery_id).update(
        state="delivered", due_at=None, lease_token=None, finished_at=timezone.now()
    )


@pytest.fixture
def subscribed(db: None) -> tuple[Any, Any]:
    product = make_product()
    return make_webhook(products=[product]), product


def test_fifty_presses_at_once_make_one_delivery(subscribed):
    """Fault 12, as fifty threads of the web server would."""
    webhook, product = subscribed
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    presses = at_once([lambda: send_product(webhook, product, by=BY)] * 50)
    assert sorted(sending.press for sending in presses) == [Press.CREATED] + [Press.ON_ITS_WAY] * 49
    assert len({sending.delivery.pk for sending in presses}) == 1
    assert Delivery.objects.manual().count() == 1
    assert ProductStatus.objects.get().delivery == presses[0].delivery


def test_the_slower_of_two_presses_is_answered_though_the_faster_was_sent_meanwhile(subscribed, monkeypatch):
    """Between the database's refusal and the look at what is there, a dispatcher may have delivered it."""
    webhook, product = subscribed
    announce(make_publication(product), by=BY)
    first = send_product(webhook, product, by=BY)
    real = sending._create

    def refused_then_sent(*values: Any) -> Any:
        try:
            return real(*values)
        finally:
            sent.append(first.delivery.pk)

    sent: list[int] = []
    monkeypatch.setattr(sending, "_supersede", lambda *_: None)
    monkeypatch.setattr(sending, "_create", refused_then_sent)
    manual = sending.Delivery.objects.manual

    def after_it_was_sent() -> Any:
        settle(sent.pop())
        return manual()

    monkeypatch.setattr(type(sending.Delivery.objects), "manual", lambda _self: after_it_was_sent())
    second = send_product(webhook, product, by=BY)
    assert (second.press, second.delivery) == (Press.ON_ITS_WAY, first.delivery)


def test_of_two_publications_at_once_the_newer_delivery_stays_the_status(subscribed):
    """ONS-15: whoever writes the status last, it points to the delivery made last."""
    webhook, product = subscribed
    now = timezone.now()
    older, newer = (make_event(publication=make_publication(product)) for _ in range(2))
    for event in (older, newer):
        make_delivery(webhook=webhook, event=event)
    for event in (newer, older):
        fan_out.point_statuses_to(event, now=now)
    status = ProductStatus.objects.get()
    assert status.delivery == Delivery.objects.get(event=newer)
    statuses.point_to(Delivery.objects.get(event=older), product, now=now)
    status.refresh_from_db()
    assert status.delivery == Delivery.objects.get(event=newer)


def test_a_webhook_that_subscribes_while_it_is_published_gets_no_delivery_without_a_lane(subscribed, monkeypatch):
    """A delivery whose webhook has no lane would never be claimed. PostgreSQL writes both in one statement."""
    _webhook, product = subscribed
    real, late = fan_out._execute, []

    def insert(*values: Any) -> int:
        made = real(*values)
        if not late:
            late.append(make_webhook(products=[product]))
        return made

    monkeypatch.setattr(fan_out, "_execute", insert)
    announce(make_publication(product), by=BY)
    with_lane = set(Lane.objects.values_list("webhook", flat=True))
    assert set(Delivery.objects.values_list("webhook", flat=True)) <= with_lane


def test_what_was_in_flight_when_its_product_was_unselected_is_not_tried_again(subscribed):
    webhook, product = subscribed
    announce(make_publication(product), by=BY)
    [claimed] = claim_due(10).rows
    webhook.product_subscriptions.all().delete()
    record_results([Finished(claimed, Result(status=500), [])])
    Delivery.objects.update(due_at=timezone.now())
    assert claim_due(10).rows == []
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("cancelled", "unsubscribed")


def test_a_lane_that_was_asked_to_wait_meanwhile_is_not_visited(subscribed, monkeypatch):
    """A record writes Retry-After between the look for due webhooks and the lock of their lanes."""
    webhook, _product = subscribed
    make_delivery(webhook=webhook)
    real = lanes.lock_lanes

    def closed_meanwhile(*found: Any) -> Any:
        Lane.objects.update(open_at=timezone.now() + timedelta(hours=1))
        return real(*found)

    monkeypatch.setattr(lanes, "lock_lanes", closed_meanwhile)
    assert claim_due(10).rows == []


# SQLite has one writer: two claims never meet there.
@pytest.mark.postgres
def test_no_claim_waits_for_the_lane_of_another(db):
    """Two claims that close each other's full lanes would wait for each other."""
    webhook = make_webhook(rate_limit_count=1, rate_limit_period_seconds=60)
    for _ in range(2):
        make_delivery(webhook=webhook)
    [claimed] = claim_due(10).rows
    record_results([Finished(claimed, Result(status=200), [])])

    def claim() -> int:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '300ms'")
                return len(claim_due(10).rows)
        finally:
            connection.close()

    with transaction.atomic():
        list(Lane.objects.select_for_update(no_key=True))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(claim).result(20) == 0


@pytest.mark.postgres
def test_two_claims_at_once_exceed_no_cap(db, monkeypatch):
    """The second comes when the first has picked its rows and has not leased them: it sees the lane locked."""
    webhook = make_webhook()
    for _ in range(6):
        make_delivery(webhook=webhook)
    Lane.objects.update(in_flight_cap=2)
    real, beside = claims._lease, []

    def lease(rows: Any, work: Any) -> Any:
        if not beside:
            beside.append(None)
            beside[:] = at_once([lambda: len(claim_due(10).rows)])
        return real(rows, work)

    monkeypatch.setattr(claims, "_lease", lease)
    assert len(claim_due(10).rows) == 2
    assert beside == [0]


def test_cancelling_and_recording_take_deliveries_in_one_order(db):
    """Statuses fall back to deliveries in flight, whose results are written at the same moment; no deadlock."""
    webhook = make_webhook()
    products = [make_product() for _ in range(12)]
    for product in products:
        webhook.product_subscriptions.create(product=product)
    Lane.objects.create(webhook=webhook, in_flight_cap=50)
    for product in reversed(products):
        announce(make_publication(product), by=BY)
    flying = claim_due(50).rows
    for product in products:
        announce(make_publication(product), by=BY)
    newest = Delivery.objects.filter(lease_token=None)

    def cancel_newest() -> int:
        with transaction.atomic():
            return cancel(newest, reason="unsubscribed")

    done = [Finished(claimed, Result(status=200), []) for claimed in flying]
    assert at_once([cancel_newest, lambda: record_results(done)]) == [12, 12]
    assert set(ProductStatus.objects.values_list("state", "failed_attempts")) == {("delivered", 0)}


def test_events_are_announced_once_by_two_dispatchers(db):
    """An embargo that ends is noticed by every dispatcher at the same moment."""
    from dispatch.actions import release_due_publications

    product = make_product()
    make_webhook(products=[product])
    now = timezone.now()
    make_publication(product, published_at=None, publish_at=now)
    assert sum(at_once([lambda: release_due_publications(now=now)] * 4)) == 1
    assert (Event.objects.count(), Delivery.objects.count()) == (1, 1)
