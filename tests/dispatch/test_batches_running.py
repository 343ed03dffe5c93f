"""A batch from the press to its end: one a press, written in chunks, stopped, and no dearer with more products."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import AuditEntry
from dispatch import batch_writing, batches
from dispatch.actions import announce
from dispatch.batches import count_batch, find_running, stop_batch
from dispatch.claims import claim_due
from dispatch.errors import SendingRefused
from dispatch.models import Delivery, ProductStatus, SendBatch
from dispatch.previews import preview_batch
from dispatch.records import Finished, record_results
from dispatch.sending import Press, send_product
from outbound.transfer import Result
from tests.dispatch.batches import ALL, BY, PENDING, end, fail, make_other_event, retry, start, subscribe
from tests.factories import make_delivery, make_publication, make_webhook
from tests.receiver import Answer
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


# --- one press, one batch -----------------------------------------------------------------------------------------


def test_a_token_makes_one_batch_however_often_it_is_sent(webhook, product, work):
    """Fault 12."""
    announce(make_publication(product), by=BY)
    token = uuid4()
    first = start(webhook, token=token)
    work()
    assert start(webhook, token=token) == first
    assert SendBatch.objects.count() == 1
    assert Delivery.objects.filter(cause="enviar_tudo").count() == 1


def test_a_token_of_another_webhook_or_button_is_refused(webhook, product, work):
    announce(make_publication(product), by=BY)
    token = uuid4()
    start(webhook, token=token)
    work()
    other = make_webhook(products=[product])
    for values in ((other, ALL), (webhook, PENDING)):
        with pytest.raises(SendingRefused) as refused:
            start(*values, token=token)
        assert refused.value.code == "preview_again"
    assert SendBatch.objects.count() == 1


def test_while_one_runs_another_press_leads_to_it(webhook, product, work):
    announce(make_publication(product), by=BY)
    first = start(webhook)
    assert find_running([webhook.pk]) == {webhook.pk: first}
    assert start(webhook) == first
    assert start(webhook, PENDING) == first
    work()
    assert find_running([webhook.pk]) == {}
    assert start(webhook) != first


def test_a_batch_whose_first_attempts_all_ended_runs_no_more(webhook, product, receiver, work):
    """What is left are retries: they may be superseded by the next press."""
    receiver.answer("/hook", Answer(500))
    announce(make_publication(product), by=BY)
    batch = start(webhook)
    work()
    assert count_batch(batch).retrying == 1
    assert find_running([webhook.pk]) == {}
    assert start(webhook, PENDING) != batch


def test_more_or_less_than_what_was_shown_is_not_sent(webhook, product):
    announce(make_publication(product), by=BY)
    shown = preview_batch(webhook, ALL).digest
    announce(make_publication(subscribe(webhook)), by=BY)
    with pytest.raises(SendingRefused) as refused:
        start(webhook, expected=shown)
    assert refused.value.code == "preview_changed"
    assert not SendBatch.objects.exists()
    assert start(webhook, expected=preview_batch(webhook, ALL).digest).created == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"active": False}, "inactive"),
        ({"stopped_at": timezone.now(), "stopped_reason": "gone"}, "stopped"),
        ({"active": False, "archived_at": timezone.now()}, "archived"),
        ({"ready": False}, "not_ready"),
    ],
)
@pytest.mark.parametrize("kind", [ALL, PENDING])
def test_it_is_refused_with_the_reason(webhook, product, kind, changes, code):
    announce(make_publication(product), by=BY)
    fail(product)
    Webhook.objects.filter(pk=webhook.pk).update(**changes)
    with pytest.raises(SendingRefused) as refused:
        start(webhook, kind)
    assert refused.value.code == code
    assert (Delivery.objects.count(), SendBatch.objects.count()) == (1, 0)


def test_it_is_refused_while_the_participant_is_blocked(webhook, product):
    announce(make_publication(product), by=BY)
    type(webhook.participant).objects.update(blocked_at=timezone.now(), blocked_reason="x")
    with pytest.raises(SendingRefused) as refused:
        start(webhook)
    assert refused.value.code == "blocked"


# --- chunks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(webhook, product, monkeypatch):
    """Five products, written two at a time."""
    monkeypatch.setattr(batch_writing, "CHUNK", 2)
    monkeypatch.setattr(batches, "CHUNK", 2)
    products = [product, *(subscribe(webhook) for _ in range(4))]
    for each in products:
        announce(make_publication(each), by=BY)
    end(Delivery.objects.open())
    return products


def test_many_are_written_in_chunks(webhook, five):
    batch = start(webhook)
    assert (batch.wanted, batch.created, batch.left_out) == (5, 5, [])
    assert batch.written_at


def test_when_the_process_dies_midway_what_was_written_goes_on_and_the_numbers_say_so(webhook, five, monkeypatch, work):
    real = batch_writing.write_chunk

    def die(*values):
        if Delivery.objects.filter(cause="enviar_tudo").count() == 4:
            raise KeyboardInterrupt
        real(*values)

    monkeypatch.setattr(batch_writing, "write_chunk", die)
    with pytest.raises(KeyboardInterrupt):
        start(webhook)
    monkeypatch.undo()
    batch = SendBatch.objects.get()
    assert (batch.wanted, batch.created, batch.written_at) == (5, 4, None)
    assert not batches.is_cut_off(batch)
    work()
    assert count_batch(batch).delivered == 4
    # As long as it may still be being written it counts as running; after that a new press is possible.
    assert find_running([webhook.pk]) == {webhook.pk: batch}
    SendBatch.objects.update(created_at=timezone.now() - timedelta(seconds=batches.WRITING_SECONDS + 1))
    batch.refresh_from_db()
    assert batches.is_cut_off(batch)
    assert find_running([webhook.pk]) == {}


@pytest.mark.parametrize("what", ["batch", "webhook"])
def test_a_stop_between_two_chunks_leaves_the_rest_out(webhook, five, monkeypatch, what):
    real = batch_writing.write_chunk

    def stopped_after(*values):
        real(*values)
        if what == "webhook":
            Webhook.objects.update(active=False)
        else:
            stop_batch(values[0], by=BY)

    monkeypatch.setattr(batch_writing, "write_chunk", stopped_after)
    monkeypatch.setattr(batches, "write_chunk", stopped_after)
    batch = start(webhook)
    assert batch.created == 2
    assert [why for _subject, why in batch.left_out] == ["interrupted"] * 3


# --- stop ---------------------------------------------------------------------------------------------------------


def test_stop_cancels_what_waits_and_leaves_what_is_being_sent(webhook, product, owner):
    other = subscribe(webhook)
    for each in (product, other):
        announce(make_publication(each), by=BY)
    end(Delivery.objects.open())
    before = set(ProductStatus.objects.values_list("delivery", flat=True))
    batch = start(webhook)
    [claimed] = claim_due(1).rows
    assert stop_batch(batch, by=owner.actor) == 1
    states = dict(batch.deliveries.values_list("pk", "state"))
    assert states.pop(claimed.delivery_id) == "waiting"
    assert list(states.values()) == ["cancelled"]
    assert batch.deliveries.get(state="cancelled").reason == "stopped_by_user"
    batch.refresh_from_db()
    assert batch.stopped_at
    assert AuditEntry.objects.get(action="dispatch.batch.stopped").actor_user == owner.user
    # The product that was not sent falls back to what it was told last (ONS-15).
    statuses = set(ProductStatus.objects.values_list("delivery", flat=True))
    assert len(statuses & before) == 1
    assert claimed.delivery_id in statuses
    assert stop_batch(batch, by=BY) == 0
    assert AuditEntry.objects.filter(action="dispatch.batch.stopped").count() == 1


def test_stop_cancels_retries_too_and_touches_nothing_else(webhook, product, receiver, work):
    receiver.answer("/hook", Answer(500))
    announce(make_publication(product), by=BY)
    batch = start(webhook)
    work()
    other = make_delivery(webhook=webhook, event=make_other_event())
    assert stop_batch(batch, by=BY) == 1
    assert count_batch(batch).cancelled == 1
    other.refresh_from_db()
    assert other.state == "waiting"


def test_what_was_being_sent_at_the_stop_and_failed_is_not_tried_again(webhook, product):
    """Stopped is stopped: nobody has to come back and cancel the retries one by one."""
    announce(make_publication(product), by=BY)
    batch = start(webhook)
    [claimed] = claim_due(1).rows
    stop_batch(batch, by=BY)
    record_results([Finished(claimed, Result(status=500), [])])
    assert Delivery.objects.get(pk=claimed.delivery_id).state == "waiting"
    Delivery.objects.filter(pk=claimed.delivery_id).update(due_at=timezone.now())
    assert claim_due(1).rows == []
    delivery = Delivery.objects.get(pk=claimed.delivery_id)
    assert (delivery.state, delivery.reason) == ("cancelled", "stopped_by_user")


def test_a_batch_that_is_over_is_not_stopped_any_more(webhook, product, work):
    announce(make_publication(product), by=BY)
    batch = start(webhook)
    work()
    assert stop_batch(batch, by=BY) == 0
    batch.refresh_from_db()
    assert batch.stopped_at is None
    assert not AuditEntry.objects.filter(action="dispatch.batch.stopped").exists()


def test_after_a_stop_enviar_works_at_once(webhook, product):
    announce(make_publication(product), by=BY)
    stop_batch(start(webhook), by=BY)
    assert send_product(webhook, product, by=BY).press == Press.CREATED


# --- as many products as there are --------------------------------------------------------------------------------


def count_queries(call):
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


@pytest.mark.parametrize("kind", [ALL, PENDING])
def test_more_products_need_no_more_queries(webhook, product, kind):
    def preview():
        return count_queries(lambda: preview_batch(webhook, kind))

    subscribe(webhook)
    announce(make_publication(product), by=BY)
    fail(product)
    few = preview()
    for number in range(12):
        each = subscribe(webhook)
        if number % 2:
            announce(make_publication(each), by=BY)
            fail(each)
    assert preview() == few
    assert few <= 8


@pytest.mark.parametrize("kind", [ALL, PENDING])
def test_more_products_are_written_and_stopped_by_no_more_statements(webhook, product, kind):
    def press():
        batch = []
        writing = count_queries(lambda: batch.append(start(webhook, kind)))
        return writing, count_queries(lambda: stop_batch(batch[0], by=BY))

    announce(make_publication(product), by=BY)
    retry(product)
    few = press()
    for _ in range(12):
        each = subscribe(webhook)
        announce(make_publication(each), by=BY)
        fail(each)
    fail(product)
    assert press() <= few
