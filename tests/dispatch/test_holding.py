"""What is held waits for a person's decision: the latest of each, all, or none."""

import pytest
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from access.models import AuditEntry
from dispatch import holding
from dispatch.actions import announce, publish
from dispatch.errors import SendingRefused
from dispatch.holding import count_held, release_held
from dispatch.models import Delivery, ProductStatus
from dispatch.sending import send_product
from tests.factories import (
    make_delivery,
    make_event,
    make_product,
    make_publication,
    make_webhook,
    webhook_values,
)
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
HELD = {"state": "held", "reason": "webhook_inactive", "due_at": None}


@pytest.fixture
def webhook(owner, loopback, receiver, product):
    return make_webhook(participant=owner.participant, request_uri=receiver.url("/hook"), products=[product])


@pytest.fixture
def held(webhook, product):
    """Three versions of one product and one of another, held."""
    other = make_product()
    webhook.product_subscriptions.create(product=other)
    for each in (product, product, other, product):
        announce(make_publication(each), by=BY)
    Delivery.objects.update(**HELD)
    ProductStatus.objects.update(state="held")
    return list(Delivery.objects.order_by("pk"))


def states():
    return [(row.state, row.reason) for row in Delivery.objects.order_by("pk")]


def test_the_latest_of_each_goes_out_and_the_others_are_superseded(webhook, held, receiver, work):
    done = release_held(webhook, "latest", by=BY)
    assert (done.sent, done.cancelled) == (2, 2)
    gone, going = ("cancelled", "superseded"), ("waiting", "")
    assert states() == [gone, gone, going, going]
    work()
    assert len(receiver.wait_for(2)) == 2
    assert set(ProductStatus.objects.values_list("state", flat=True)) == {"delivered"}


def test_all_go_out_in_their_order(webhook, held, receiver, work, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 1
    assert release_held(webhook, "all", by=BY).sent == 4
    work()
    assert [request.header("webhook-id") for request in receiver.wait_for(4)] == [row.message_id for row in held]


def test_none_go_out_and_the_products_fall_back(webhook, held):
    done = release_held(webhook, "none", by=BY)
    assert (done.sent, done.cancelled) == (0, 4)
    assert set(states()) == {("cancelled", "stopped_by_user")}
    assert not ProductStatus.objects.exists()


def test_an_older_one_does_not_follow_a_newer_one_that_was_sent_meanwhile(webhook, product, held, work):
    """Somebody pressed Enviar, or a new version came out, before they decided."""
    send_product(webhook, held[2].event.publication.product, by=BY)
    work()
    newest = announce(make_publication(product), by=BY)
    assert newest == 1
    assert release_held(webhook, "latest", by=BY).sent == 0


def test_the_database_lets_one_sending_by_hand_wait_per_product(webhook, product, held):
    event = held[0].event
    by_hand = [make_delivery(webhook=webhook, event=event, cause="enviar", **HELD) for _ in range(2)]
    done = release_held(webhook, "all", by=BY)
    assert (done.sent, done.cancelled) == (5, 1)
    by_hand[0].refresh_from_db()
    assert (by_hand[0].state, by_hand[0].reason) == ("cancelled", "superseded")
    assert Delivery.objects.manual().waiting().get() == by_hand[1]


def test_one_by_hand_that_waits_already_stays_the_only_one(webhook, held):
    event = held[0].event
    older = make_delivery(webhook=webhook, event=event, cause="enviar")
    make_delivery(webhook=webhook, event=event, cause="enviar", **HELD)
    release_held(webhook, "all", by=BY)
    assert Delivery.objects.manual().waiting().get() == older


@pytest.mark.parametrize("choice", ["latest", "all", "none"])
def test_many_are_released_in_chunks(webhook, held, monkeypatch, choice):
    monkeypatch.setattr(holding, "CHUNK", 1)
    done = release_held(webhook, choice, by=BY)
    assert done.sent + done.cancelled == 4
    assert done.sent == {"latest": 2, "all": 4, "none": 0}[choice]


@pytest.mark.parametrize(
    "columns",
    [
        {"active": False},
        {"stopped_at": timezone.now(), "stopped_reason": "gone"},
        {"active": False, "archived_at": timezone.now()},
        {"ready": False},
    ],
)
def test_refused_while_the_webhook_may_not_be_called(webhook, held, columns):
    Webhook.objects.update(**columns)
    with pytest.raises(SendingRefused):
        release_held(webhook, "all", by=BY)
    assert set(states()) == {("held", "webhook_inactive")}


def test_refused_while_the_participant_is_blocked(webhook, held, owner):
    type(owner.participant).objects.update(blocked_at=timezone.now(), blocked_reason="x")
    with pytest.raises(SendingRefused) as refused:
        release_held(webhook, "none", by=BY)
    assert refused.value.code == "blocked"


def test_the_decision_is_in_the_trail(webhook, held, owner):
    release_held(webhook, "latest", by=owner.actor)
    entry = AuditEntry.objects.get(action="dispatch.held.released")
    assert entry.actor_user == owner.user
    assert entry.after == {"choice": "latest", "sent": 2, "cancelled": 2}


def test_another_webhooks_held_ones_stay(webhook, held, owner):
    other = make_webhook(participant=owner.participant)
    stays = make_delivery(webhook=other, event=make_event(), **HELD)
    release_held(webhook, "none", by=BY)
    stays.refresh_from_db()
    assert stays.state == "held"
    assert count_held(other).reasons == (("webhook_inactive", 1),)


def test_what_is_published_while_it_is_stopped_is_held_and_counted(webhook, product):
    from django.core.files.base import ContentFile

    Webhook.objects.update(stopped_at=timezone.now(), stopped_reason="gone")
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    assert count_held(webhook).reasons == (("webhook_stopped", 1),)


# --- the page -----------------------------------------------------------------------------------------------------


def page_of(person, webhook):
    return person.client.get(reverse("dispatch:webhook-detail", args=[webhook.uuid])).content.decode()


def decide(person, webhook, choice):
    return person.client.post(reverse("dispatch:held-release", args=[webhook.uuid]), {"choice": choice}, follow=True)


def test_the_page_says_how_many_are_held_and_why_and_offers_three_ways(owner, webhook, held):
    html = page_of(owner, webhook)
    assert "4 notifications are held." in html
    assert "Reason: Webhook inactive." in html
    assert count_held(webhook).latest == 2
    for words in ("Send the latest of each", "Send all", "Send none"):
        assert words in html
    answer = decide(owner, webhook, "latest")
    assert "2 notifications are on their way, 2 were cancelled." in answer.content.decode()
    assert 'id="held"' not in answer.content.decode()


def test_while_it_is_inactive_the_three_ways_are_closed_and_say_why(owner, webhook, held):
    Webhook.objects.update(active=False)
    assert 'aria-disabled="true" aria-describedby="held-refusal"' in page_of(owner, webhook)
    assert "This webhook is inactive." in decide(owner, webhook, "all").content.decode()
    assert set(states()) == {("held", "webhook_inactive")}


def test_who_only_looks_is_told_who_decides_and_that_one_is_one(owner, viewer, webhook, product):
    announce(make_publication(product), by=BY)
    Webhook.objects.update(active=False)
    Delivery.objects.update(state="held", reason="webhook_inactive", due_at=None)
    assert "It waits until this webhook may be called again. Then you decide what becomes of it." in page_of(
        owner, webhook
    )
    html = page_of(viewer, webhook)
    assert "What becomes of it is decided by a technical user or an administrator of your organisation." in html
    assert "you decide" not in html


def test_a_choice_that_is_none_changes_nothing(owner, webhook, held):
    assert "Choose what becomes of" in decide(owner, webhook, "everything").content.decode()
    assert set(states()) == {("held", "webhook_inactive")}


@pytest.mark.parametrize("who", ["outsider", "viewer", "officer"])
def test_who_may_not_decide_is_refused_and_nothing_changes(who, request, webhook, held):
    """X-4."""
    answer = decide(request.getfixturevalue(who), webhook, "none")
    assert answer.status_code == (404 if who == "outsider" else 403)
    assert set(states()) == {("held", "webhook_inactive")}


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        ("inactive", "Reason: Webhook inactive."),
        ("stopped", "Reason: Webhook stopped."),
        ("blocked", "Reason: Participant blocked."),
    ],
)
def test_whatever_held_them_once_it_is_over_the_page_asks_with_numbers(owner, webhook, product, officer, ways, words):
    from access.actions import block_participant, unblock_participant
    from webhooks.actions import stop_webhook, update_webhook

    values = {"request_uri": webhook.request_uri, "products": [product]}
    announce(make_publication(product), by=BY)
    if ways == "blocked":
        block_participant(webhook.participant, reason="x", by=officer.actor)
        unblock_participant(webhook.participant, by=officer.actor)
    elif ways == "stopped":
        stop_webhook(webhook, reason="gone", by=BY)
        update_webhook(webhook, values=webhook_values(**values, resume=True), by=owner.actor)
    else:
        update_webhook(webhook, values=webhook_values(**values, active=False), by=owner.actor)
        update_webhook(webhook, values=webhook_values(**values, active=True), by=owner.actor)
    assert {state for state, _reason in states()} == {"held"}, "nothing goes out before somebody decides"
    html = page_of(owner, webhook)
    assert "1 notification is held." in html
    assert words in html
    assert "held-refusal" not in html
    assert '<span class="btn-count">1</span>' in html
    decide(owner, webhook, "all")
    assert states() == [("waiting", "")]
