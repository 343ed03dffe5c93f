"""Enviar Tudo and Reenviar Pendentes: what goes, what stays and why (ONS-12, ONS-13, delivery.md)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import AuditEntry
from dispatch import batches
from dispatch.actions import announce, withdraw
from dispatch.batches import count_batch
from dispatch.claims import claim_due
from dispatch.errors import SendingRefused
from dispatch.models import Delivery, Event, ProductStatus, SendBatch
from dispatch.previews import Stays, preview_batch
from dispatch.sending import send_event, send_product
from tests.dispatch.batches import (
    ALL,
    BY,
    PENDING,
    end,
    fail,
    going,
    make_other_event,
    reasons,
    resendable,
    retry,
    start,
    subscribe,
    version_of,
)
from tests.factories import make_delivery, make_publication, make_webhook
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


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
