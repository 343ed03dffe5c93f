"""Batches beside everything else that writes at the same moment: threads with connections of their own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from access.actors import Actor
from dispatch import batch_writing, batches
from dispatch.actions import announce
from dispatch.batches import count_batch, start_batch, stop_batch
from dispatch.claims import claim_due
from dispatch.errors import SendingRefused
from dispatch.models import Cause, Delivery, Lane, ProductStatus, SendBatch
from dispatch.records import Finished, record_results
from dispatch.sending import Press, send_product
from outbound.transfer import Result
from tests.at_once import at_once
from tests.factories import make_product, make_publication, make_webhook
from webhooks.models import Webhook

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BY = Actor.system("test")


@pytest.fixture
def products(db: None) -> list[Any]:
    return [make_product() for _ in range(8)]


@pytest.fixture
def webhook(products: list[Any]) -> Any:
    """Told of eight products, all delivered."""
    made = make_webhook(products=products)
    for product in products:
        announce(make_publication(product), by=BY)
    Lane.objects.update(in_flight_cap=50)
    deliver_all()
    return made


def deliver_all(**over: Any) -> None:
    ended = {"state": "delivered", "due_at": None, "lease_token": None, "finished_at": timezone.now()}
    Delivery.objects.update(**ended | {"counted_attempts": 1} | over)
    ProductStatus.objects.update(state=over.get("state", "delivered"))


def start(webhook: Any, kind: str = Cause.ENVIAR_TUDO, token: Any = None) -> SendBatch:
    return start_batch(webhook, kind, by=BY, token=token or uuid4())


def start_unless_nothing_goes(webhook: Any) -> SendBatch | None:
    try:
        return start(webhook)
    except SendingRefused as refused:
        if refused.code != "nothing_to_send":
            raise
        return None


def assert_sound(webhook: Any) -> None:
    """One sending by hand waits per subject, and each status is the newest live delivery not cancelled (ONS-15)."""
    waiting = Delivery.objects.manual().waiting().values_list("subject", flat=True)
    assert len(waiting) == len(set(waiting))
    for status in ProductStatus.objects.filter(webhook=webhook).select_related("delivery"):
        same = Delivery.objects.filter(webhook=webhook, subject=status.delivery.subject).exclude(state="cancelled")
        newest = same.order_by("-pk").first()
        assert (status.delivery, status.state) == (newest, newest.state)


def test_two_presses_at_once_make_one_batch(webhook, products):
    """Fault 12: two tabs, each with its own preview; and the same preview sent twice."""
    token = uuid4()
    made = at_once([lambda: start(webhook, token=token)] * 3 + [lambda: start(webhook)] * 3)
    assert len({batch.pk for batch in made}) == 1
    assert SendBatch.objects.count() == 1
    assert Delivery.objects.filter(cause="enviar_tudo").count() == len(products)
    assert_sound(webhook)


def test_both_buttons_at_once_make_one_batch(webhook, products):
    deliver_all(state="failed", reason="exhausted")
    ProductStatus.objects.update(state="failed")
    made = at_once([lambda: start(webhook), lambda: start(webhook, Cause.REENVIAR)] * 2)
    assert len({batch.pk for batch in made}) == 1
    assert Delivery.objects.manual().count() == len(products)
    assert_sound(webhook)


def test_a_batch_and_enviar_make_one_sending_of_each_product(webhook, products):
    calls = [lambda product=product: send_product(webhook, product, by=BY) for product in products[::2]]
    batch, *presses = at_once([lambda: start(webhook), *calls])
    assert Delivery.objects.manual().waiting().count() == len(products)
    by_hand = sum(press.press == Press.CREATED for press in presses)
    assert batch.created == batch.deliveries.count() == len(products) - by_hand
    assert len(batch.left_out) == by_hand
    assert_sound(webhook)


# SQLite has one writer: nobody comes between.
@pytest.mark.postgres
def test_enviar_that_comes_between_the_look_and_the_writing_is_kept(webhook, products, monkeypatch):
    """The database lets one of the two in; the batch counts the other as already on its way."""
    real, pressed = batch_writing.write_by_hand, []

    def press_first(*values: Any, **options: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pressed.append(pool.submit(at_once, [lambda: send_product(webhook, products[0], by=BY)]).result(20)[0])
        return real(*values, **options)

    monkeypatch.setattr(batch_writing, "write_by_hand", press_first)
    batch = start(webhook)
    assert pressed[0].press == Press.CREATED
    assert batch.left_out == [[f"product:{products[0].uuid}", "on_its_way"]]
    assert (batch.wanted, batch.created) == (len(products), len(products) - 1)
    assert_sound(webhook)


def test_a_batch_and_publications_at_once_leave_the_newest_as_the_status(webhook, products):
    at_once([lambda: start(webhook), *(lambda product=each: publish(product) for each in products[:4])])
    assert_sound(webhook)


def publish(product: Any) -> None:
    with transaction.atomic():
        announce(make_publication(product), by=BY)


def test_a_batch_and_the_record_of_results_do_not_wait_for_each_other_in_a_circle(webhook, products):
    """Deliveries in flight when the press comes are left alone, whichever is first."""
    for product in reversed(products):
        announce(make_publication(product), by=BY)
    flying = claim_due(50).rows
    done = [Finished(claimed, Result(status=200), []) for claimed in flying]
    before = SendBatch.objects.count()
    made, recorded = at_once([lambda: start_unless_nothing_goes(webhook), lambda: record_results(done)])
    assert recorded == len(products)
    assert SendBatch.objects.count() - before == (made is not None)
    assert_sound(webhook)


@pytest.mark.postgres
def test_a_record_does_not_wait_for_whoever_edits_the_webhook(webhook, products):
    """Its statuses are locked alone: rows of the webhook come before deliveries in everybody's order."""
    announce(make_publication(products[0]), by=BY)
    done = [Finished(claimed, Result(status=200), []) for claimed in claim_due(50).rows]

    def record() -> int:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '500ms'")
                return record_results(done)
        finally:
            connection.close()

    with transaction.atomic():
        list(Webhook.objects.select_for_update(no_key=True))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(record).result(20) == 1


def test_stop_and_claim_at_once_end_each_row_one_way(webhook, products):
    """What a claim took first is sent, what the stop took first is not: never both."""
    Lane.objects.update(in_flight_cap=3)
    batch = start(webhook)
    cancelled, claim = at_once([lambda: stop_batch(batch, by=BY), lambda: claim_due(50)])
    taken = {row.delivery_id for row in claim.rows}
    assert cancelled + len(taken) <= len(products)
    rows = Delivery.objects.filter(batch=batch)
    assert set(rows.filter(state="cancelled").values_list("pk", flat=True)).isdisjoint(taken)
    assert set(rows.filter(lease_token__isnull=False).values_list("pk", flat=True)) == taken
    stop_batch(batch, by=BY)
    assert count_batch(batch).cancelled == len(products) - len(taken)
    assert_sound(webhook)


def test_stop_and_the_writing_of_the_rest_at_once_leave_nothing_that_goes_on(webhook, products, monkeypatch):
    """The batch's row is locked by whoever comes first: a chunk is cancelled whole or not written."""
    monkeypatch.setattr(batch_writing, "CHUNK", 2)
    monkeypatch.setattr(batches, "CHUNK", 2)
    token = uuid4()

    def stop() -> int:
        for _ in range(10_000):
            if found := SendBatch.objects.filter(uuid=token).select_related("webhook__participant").first():
                return stop_batch(found, by=BY)
        raise AssertionError("the batch did not appear")

    batch, _cancelled = at_once([lambda: start(webhook, token=token), stop])
    batch.refresh_from_db()
    if batch.stopped_at:
        assert not Delivery.objects.filter(batch=batch).waiting().exists()
    assert batch.created == batch.deliveries.count()
    assert batch.created + len(batch.left_out) == len(products)
    assert_sound(webhook)
