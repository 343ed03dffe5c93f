"""Enviar Tudo and Reenviar Pendentes: what goes, what stays, one batch a press (ONS-12, ONS-13, delivery.md)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.actors import Actor
from access.models import AuditEntry
from dispatch import batch_writing, batches
from dispatch.actions import announce, withdraw
from dispatch.batches import count_batch, find_running, start_batch, stop_batch
from dispatch.claims import claim_due
from dispatch.errors import SendingRefused
from dispatch.models import Cause, Delivery, Event, ProductStatus, SendBatch
from dispatch.pending import count_pending
from dispatch.previews import Stays, preview_batch
from dispatch.records import Finished, record_results
from dispatch.sending import Press, send_event, send_product
from outbound.transfer import Result
from tests.factories import make_delivery, make_product, make_publication, make_webhook
from tests.receiver import Answer
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
ALL, PENDING = Cause.ENVIAR_TUDO, Cause.REENVIAR


def start(webhook, kind=ALL, **over):
    return start_batch(webhook, kind, **{"by": BY, "token": uuid4()} | over)


def subscribe(webhook, **over):
    product = make_product(**over)
    webhook.product_subscriptions.create(product=product)
    return product


def going(webhook, kind=ALL):
    return [item.product for item in preview_batch(webhook, kind).going]


def resendable(webhook):
    return count_pending([webhook.pk])[webhook.pk].resendable


def version_of(item):
    return Event.objects.get(pk=item.event_id).publication


def reasons(webhook, kind=ALL):
    return {item.product: why for item, why in preview_batch(webhook, kind).staying}


def end(deliveries, state="delivered", reason="", **columns):
    """As the record of results leaves them, status included."""
    ids = list(deliveries.values_list("pk", flat=True))
    ended = {"state": state, "reason": reason, "due_at": None, "lease_token": None, "finished_at": timezone.now()}
    ended |= {"counted_attempts": 1, "attempts_made": 1}
    Delivery.objects.filter(pk__in=ids).update(**ended | columns)
    ProductStatus.objects.filter(delivery__in=ids).update(state=state)


def fail(product, reason="exhausted"):
    """Its open notifications came to a bad end."""
    end(Delivery.objects.filter(event__publication__product=product).open(), "failed", reason)


def retry(product):
    """Its waiting notification failed once and is due again later."""
    waiting = Delivery.objects.filter(event__publication__product=product).waiting()
    ids = list(waiting.values_list("pk", flat=True))
    waiting.update(counted_attempts=1, attempts_made=1, due_at=timezone.now() + timedelta(minutes=5))
    ProductStatus.objects.filter(delivery__in=ids).update(failed_attempts=1)


def make_other_event(subject="process:1", number=1):
    return Event.objects.create(
        type="client-transaction",
        source="test",
        subject=subject,
        occurred_at=timezone.now(),
        payload='{"client-transaction":[]}',
        dedupe_key=f"other {subject} {number}",
    )


# --- Enviar Tudo --------------------------------------------------------------------------------------------------


def test_the_last_version_of_each_product_goes_and_one_without_a_version_stays(webhook, product, receiver, work):
    """ONS-12: three products, two with versions: two POSTs, each the newest version."""
    second, never = subscribe(webhook), subscribe(webhook)
    for each in (product, product, second):
        announce(make_publication(each), by=BY)
    work()
    newest = {each: make_publication(each) for each in (product, second)}
    for publication in newest.values():
        announce(publication, by=BY)
    end(Delivery.objects.open())
    before = len(receiver.requests())
    batch = start(webhook)
    work()
    requests = receiver.wait_for(before + 2)[before:]
    assert {request.header("gancho-event-id") for request in requests} == {
        str(Event.objects.get(publication=publication).uuid) for publication in newest.values()
    }
    assert {request.header("gancho-cause") for request in requests} == {"enviar_tudo"}
    assert len({request.header("webhook-id") for request in requests}) == 2
    assert (batch.wanted, batch.created, batch.left_out) == (2, 2, [[f"product:{never.uuid}", "never_published"]])
    assert set(ProductStatus.objects.values_list("delivery__batch", "state")) == {(batch.pk, "delivered")}
    tally = count_batch(batch)
    assert (tally.delivered, tally.done, tally.total) == (2, 2, 2)


def test_the_last_version_is_the_one_published_last_whatever_its_period(webhook, product):
    later_period = make_publication(product, period="2026-08-15")
    published_last = make_publication(product, period="2020-01-15")
    for publication in (later_period, published_last):
        announce(publication, by=BY)
    assert [version_of(item) for item in preview_batch(webhook, ALL).going] == [published_last]
    type(later_period).objects.filter(pk=later_period.pk).update(published_at=timezone.now() + timedelta(hours=1))
    assert [version_of(item) for item in preview_batch(webhook, ALL).going] == [later_period]


def test_what_is_not_out_withdrawn_or_not_available_stays_and_says_why(owner):
    webhook = make_webhook(participant=owner.participant)
    never, embargoed, withdrawn = (subscribe(webhook) for _ in range(3))
    foreign, inactive = subscribe(webhook, granted_to=[owner.participant]), subscribe(webhook)
    make_publication(embargoed, published_at=None, publish_at=timezone.now() + timedelta(days=1))
    for each in (withdrawn, foreign, inactive):
        announce(make_publication(each), by=BY)
    withdraw(withdrawn.publications.get(), reason="wrong", by=BY)
    foreign.grants.all().delete()
    type(inactive).objects.filter(pk=inactive.pk).update(active=False)
    assert going(webhook) == []
    assert reasons(webhook) == {
        never: Stays.NEVER_PUBLISHED,
        embargoed: Stays.EMBARGOED,
        withdrawn: Stays.WITHDRAWN,
        foreign: Stays.NOT_AVAILABLE,
        inactive: Stays.NOT_AVAILABLE,
    }
    with pytest.raises(SendingRefused) as refused:
        start(webhook)
    assert refused.value.code == "nothing_to_send"
    assert not SendBatch.objects.exists()


def test_an_embargoed_or_withdrawn_version_leaves_the_one_before(webhook, product):
    out = make_publication(product)
    announce(out, by=BY)
    announce(withdrawn := make_publication(product), by=BY)
    withdraw(withdrawn, reason="wrong", by=BY)
    make_publication(product, published_at=None, publish_at=timezone.now() + timedelta(days=1))
    assert [version_of(item) for item in preview_batch(webhook, ALL).going] == [out]


def test_what_is_being_sent_or_already_on_its_way_by_hand_stays(webhook, product):
    by_hand, waiting = subscribe(webhook), subscribe(webhook)
    announce(make_publication(product), by=BY)
    [claimed] = claim_due(1).rows
    for each in (by_hand, waiting):
        announce(make_publication(each), by=BY)
    pressed = send_product(webhook, by_hand, by=BY).delivery
    assert reasons(webhook) == {product: Stays.BEING_SENT, by_hand: Stays.ON_ITS_WAY}
    batch = start(webhook)
    assert [row.event.publication.product for row in batch.deliveries.all()] == [waiting]
    pressed.refresh_from_db()
    assert pressed.state == "waiting"
    assert Delivery.objects.get(pk=claimed.delivery_id).lease_token == claimed.lease_token


def test_what_waits_is_superseded_as_enviar_does(webhook, product):
    """Automatic ones, retries of sendings by hand, and held ones."""
    retried, held = subscribe(webhook), subscribe(webhook)
    for each in (product, retried, held):
        announce(make_publication(each), by=BY)
    tried = send_product(webhook, retried, by=BY).delivery
    Delivery.objects.filter(pk=tried.pk).update(attempts_made=1, counted_attempts=1)
    rows = Delivery.objects.filter(event__publication__product=held)
    rows.update(state="held", reason="webhook_stopped", due_at=None)
    before = set(Delivery.objects.open().values_list("pk", flat=True))
    batch = start(webhook)
    assert batch.created == 3
    ended = Delivery.objects.filter(pk__in=before).values_list("state", "reason").distinct()
    assert list(ended) == [("cancelled", "superseded")]
    assert set(Delivery.objects.open()) == set(batch.deliveries.all())
    assert set(ProductStatus.objects.values_list("delivery", flat=True)) == set(
        batch.deliveries.values_list("pk", flat=True)
    )


def test_they_are_not_urgent_and_carry_batch_cause_and_author(webhook, product, owner):
    announce(make_publication(product), by=BY)
    batch = start(webhook, by=owner.actor)
    row = batch.deliveries.get()
    assert (row.cause, row.urgent, row.created_by, row.state) == ("enviar_tudo", False, "Owner", "waiting")
    assert (batch.by, batch.by_label) == (owner.user, "Owner")
    entry = AuditEntry.objects.get(action="dispatch.batch.started")
    assert (entry.actor_user, entry.participant, entry.object_id) == (owner.user, webhook.participant, str(batch.uuid))
    assert entry.after == {"webhook": str(webhook.uuid), "kind": "enviar_tudo", "wanted": 1, "left_out": 0}


# --- Reenviar Pendentes -------------------------------------------------------------------------------------------


def test_only_what_ended_in_error_goes_in_its_newest_version(webhook, product, receiver, work):
    """ONS-13: the newest version even if an older one failed; a waiting retry counts, and is superseded."""
    retried, delivered, never, unsent, held = (subscribe(webhook) for _ in range(5))
    for each in (product, retried, delivered, held):
        announce(make_publication(each), by=BY)
    fail(product)
    retry(retried)
    end(Delivery.objects.filter(event__publication__product=delivered))
    of_held = Delivery.objects.filter(event__publication__product=held)
    of_held.update(state="held", reason="webhook_stopped", due_at=None)
    ProductStatus.objects.filter(product=held).update(state="held")
    Webhook.objects.update(active=False)
    newer = make_publication(product)
    announce(newer, by=BY)
    announce(make_publication(unsent), by=BY)
    Webhook.objects.update(active=True)
    webhook.refresh_from_db()
    preview = preview_batch(webhook, PENDING)
    assert {item.product: version_of(item) for item in preview.going} == {
        product: newer,
        retried: retried.publications.get(),
    }
    assert {item.product: why for item, why in preview.staying} == {
        delivered: Stays.DELIVERED,
        never: Stays.NEVER_PUBLISHED,
        unsent: Stays.NEVER_SENT,
        held: Stays.HELD,
    }
    assert resendable(webhook) == 2
    waiting_retry = Delivery.objects.waiting().get()
    batch = start(webhook, PENDING)
    waiting_retry.refresh_from_db()
    assert (waiting_retry.state, waiting_retry.reason) == ("cancelled", "superseded")
    work()
    assert {request.header("gancho-cause") for request in receiver.wait_for(2)} == {"reenviar"}
    assert (count_batch(batch).delivered, resendable(webhook)) == (2, 0)
    with pytest.raises(SendingRefused) as nothing:
        start(webhook, PENDING)
    assert nothing.value.code == "nothing_to_send"


def test_a_retry_that_is_being_sent_stays(webhook, product):
    announce(make_publication(product), by=BY)
    retry(product)
    Delivery.objects.update(due_at=timezone.now())
    claim_due(1)
    assert reasons(webhook, PENDING) == {product: Stays.BEING_SENT}


def test_one_not_tried_yet_is_no_error(webhook, product):
    announce(make_publication(product), by=BY)
    assert reasons(webhook, PENDING) == {product: Stays.ON_ITS_WAY}


def test_a_failed_version_that_was_withdrawn_stays(webhook, product):
    announce(make_publication(product), by=BY)
    fail(product)
    withdraw(product.publications.get(), reason="wrong", by=BY)
    assert reasons(webhook, PENDING) == {product: Stays.WITHDRAWN}


def test_a_product_no_longer_selected_is_not_pending(webhook, product):
    announce(make_publication(product), by=BY)
    fail(product)
    webhook.product_subscriptions.all().delete()
    assert resendable(webhook) == 0
    assert preview_batch(webhook, PENDING) == preview_batch(make_webhook(), PENDING)


def test_of_events_that_are_no_publications_the_failed_ones_go_again(webhook, receiver, work):
    failed, newer_failed = make_other_event("process:1", 1), make_other_event("process:1", 2)
    solved, waits = make_other_event("process:2"), make_other_event("process:3")
    for event in (failed, newer_failed, solved):
        end(Delivery.objects.filter(pk=make_delivery(webhook=webhook, event=event).pk), "failed", "exhausted")
    make_delivery(webhook=webhook, event=waits, counted_attempts=1, due_at=timezone.now() + timedelta(hours=1))
    end(Delivery.objects.filter(pk=send_event(webhook, solved, product=None, by=BY).delivery.pk))
    assert [Event.objects.get(pk=item.event_id) for item in preview_batch(webhook, PENDING).going] == [newer_failed]
    assert preview_batch(webhook, ALL).going == []
    assert resendable(webhook) == 1
    batch = start(webhook, PENDING)
    work()
    [request] = receiver.wait_for(1)
    assert request.header("gancho-event-id") == str(newer_failed.uuid)
    assert (count_batch(batch).delivered, resendable(webhook)) == (1, 0)
    assert not ProductStatus.objects.exists()


def test_a_result_between_preview_and_press_is_seen(webhook, product, monkeypatch):
    """A retry delivered after the preview's queries and before the rows are locked does not go out once more."""
    announce(make_publication(product), by=BY)
    retry(product)
    real = batches.preview_batch

    def delivered_meanwhile(*values):
        preview = real(*values)
        end(Delivery.objects.all())
        return preview

    monkeypatch.setattr(batches, "preview_batch", delivered_meanwhile)
    batch = start(webhook, PENDING)
    assert (batch.wanted, batch.created) == (1, 0)
    assert batch.left_out == [[f"product:{product.uuid}", "delivered"]]


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
