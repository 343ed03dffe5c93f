"""Enviar (ONS-11): one product, its last version, now; fifty presses are one delivery."""

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from dispatch.actions import publish
from dispatch.claims import claim_due
from dispatch.errors import SendingRefused
from dispatch.models import Attempt, Cause, Delivery, ProductStatus
from dispatch.sending import Press, send_product
from tests.factories import make_product
from tests.receiver import Answer
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def published(product, period="2020-08-15", content=b"hour;price\n"):
    return publish(product, period=period, upload=ContentFile(content, "data.csv"), by=BY).publication


def test_the_last_version_is_sent_at_once_with_a_new_id(webhook, product, receiver, work):
    published(product)
    work()
    newest = published(product, content=b"corrected")
    work()
    sending = send_product(webhook, product, by=BY)
    work()
    requests = receiver.wait_for(3)
    assert sending.press == Press.CREATED
    assert requests[-1].header("webhook-id") == f"msg_{sending.delivery.uuid}"
    assert requests[-1].header("gancho-cause") == "enviar"
    assert requests[-1].header("gancho-event-id") == requests[-2].header("gancho-event-id")
    assert len({request.header("webhook-id") for request in requests}) == 3
    assert requests[-1].body != requests[-2].body, "each sending has a link of its own"
    assert sending.delivery.event.publication == newest
    assert ProductStatus.objects.get().delivery == sending.delivery
    assert ProductStatus.objects.get().state == "delivered"


def test_it_goes_before_the_backlog_of_its_webhook(webhook, product, receiver, work, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 1
    for _ in range(5):
        other = make_product()
        webhook.product_subscriptions.create(product=other)
        published(other)
    Delivery.objects.update(due_at=timezone.now() - timezone.timedelta(hours=1))
    published(product)
    Delivery.objects.filter(subject=f"product:{product.uuid}").update(
        state="delivered", due_at=None, finished_at=timezone.now()
    )
    sending = send_product(webhook, product, by=BY)
    work()
    assert receiver.wait_for(6)[0].header("webhook-id") == f"msg_{sending.delivery.uuid}"


def test_fifty_presses_make_one_delivery(webhook, product, receiver, work):
    """Fault 12."""
    published(product)
    work()
    presses = [send_product(webhook, product, by=BY) for _ in range(50)]
    assert [sending.press for sending in presses] == [Press.CREATED] + [Press.ON_ITS_WAY] * 49
    assert len({sending.delivery.pk for sending in presses}) == 1
    work()
    assert len(receiver.wait_for(2)) == 2


def test_the_database_itself_stops_the_second_of_two_presses(webhook, product, monkeypatch):
    """Both have looked and seen nothing under way; the unique constraint lets one of them through."""
    from dispatch import sending

    published(product)
    Delivery.objects.update(state="delivered", due_at=None, finished_at=timezone.now())
    first = send_product(webhook, product, by=BY)
    monkeypatch.setattr(sending, "_supersede", lambda *_: None)
    with transaction.atomic():
        second = send_product(webhook, product, by=BY)
    assert (second.press, second.delivery) == (Press.ON_ITS_WAY, first.delivery)


def test_a_waiting_retry_is_superseded(webhook, product, receiver, work):
    receiver.answer("/hook", Answer(500), Answer(200))
    published(product)
    work()
    retrying = Delivery.objects.get()
    sending = send_product(webhook, product, by=BY)
    retrying.refresh_from_db()
    assert (retrying.state, retrying.reason) == ("cancelled", "superseded")
    work()
    assert ProductStatus.objects.get().delivery == sending.delivery
    assert Delivery.objects.get(pk=sending.delivery.pk).state == "delivered"


def test_a_manual_sending_that_waits_for_a_retry_is_superseded_too(webhook, product, receiver, work):
    receiver.answer("/hook", Answer(200), Answer(500), Answer(200))
    published(product)
    work()
    first = send_product(webhook, product, by=BY)
    work()
    second = send_product(webhook, product, by=BY)
    assert second.press == Press.CREATED
    assert second.delivery != first.delivery


def test_what_is_being_sent_is_not_sent_beside_it(webhook, product):
    published(product)
    [claimed] = claim_due(10).rows
    sending = send_product(webhook, product, by=BY)
    assert (sending.press, sending.delivery.pk) == (Press.BEING_SENT, claimed.delivery_id)
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"active": False}, "inactive"),
        ({"stopped_at": timezone.now(), "stopped_reason": "gone"}, "stopped"),
        ({"active": False, "archived_at": timezone.now()}, "archived"),
        ({"ready": False}, "not_ready"),
    ],
)
def test_it_is_refused_with_the_reason(webhook, product, changes, code):
    published(product)
    before = Delivery.objects.count()
    Webhook.objects.filter(pk=webhook.pk).update(**changes)
    webhook.refresh_from_db()
    with pytest.raises(SendingRefused) as refused:
        send_product(webhook, product, by=BY)
    assert refused.value.code == code
    assert Delivery.objects.count() == before


def test_a_product_never_published_or_not_selected_is_refused(webhook, product):
    with pytest.raises(SendingRefused) as never:
        send_product(webhook, product, by=BY)
    stranger = make_product()
    published(stranger)
    with pytest.raises(SendingRefused) as foreign:
        send_product(webhook, stranger, by=BY)
    assert (never.value.code, foreign.value.code) == ("never_published", "not_subscribed")
    assert not Delivery.objects.exists()


def test_a_withdrawn_version_is_not_sent_but_the_one_before(webhook, product, work):
    from dispatch.actions import withdraw

    older = published(product)
    withdraw(published(product, content=b"wrong"), reason="wrong figures", by=BY)
    Delivery.objects.open().update(state="delivered", due_at=None, finished_at=timezone.now())
    assert send_product(webhook, product, by=BY).delivery.event.publication == older


def test_a_press_is_in_the_audit_trail(webhook, product):
    from access.models import AuditEntry

    published(product)
    Delivery.objects.update(state="delivered", due_at=None, finished_at=timezone.now())
    sending = send_product(webhook, product, by=BY)
    entry = AuditEntry.objects.get(action="dispatch.delivery.requested")
    assert entry.object_id == str(sending.delivery.uuid)
    assert (Cause.ENVIAR, Attempt.objects.count()) == (sending.delivery.cause, 0)
