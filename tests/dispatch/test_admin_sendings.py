"""Operations send again, stop and decide for a participant: the effect first, then the deed, by a right of its own."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from access.actors import Actor
from access.models import AuditEntry
from dispatch.actions import announce
from dispatch.batches import start_batch
from dispatch.models import Delivery, ProductStatus, SendBatch
from tests.factories import make_product, make_publication, make_user, make_webhook
from tests.people import Person
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
LIST = "/admin/webhooks/webhook/"
PAGE = f"{LIST}sending/"


@pytest.fixture
def clerk(db):
    """Staff who may look at webhooks, and no more."""
    user = make_user(email="clerk@operator.test", name="Clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_webhook"))
    return Person(user)


def allow(clerk):
    clerk.user.user_permissions.add(Permission.objects.get(codename="send_sendbatch"))


@pytest.fixture
def two(webhook, product):
    """Two webhooks of two participants, told of one product; the second is inactive."""
    inactive = make_webhook(products=[product])
    announce(make_publication(product), by=BY)
    Webhook.objects.filter(pk=inactive.pk).update(active=False)
    return webhook, inactive


def choose(person, action, *webhooks):
    values = {"action": action, "_selected_action": [each.pk for each in webhooks]}
    return person.client.post(LIST, values, follow=True)


def confirm(person, page, **more):
    html = page.content.decode()
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', html))
    form["webhook"] = re.findall(r'name="webhook" value="([^"]+)"', html)
    return person.client.post(PAGE, form | more, follow=True)


def test_send_all_shows_its_effect_and_then_does_it(clerk, two):
    allow(clerk)
    webhook, _inactive = two
    page = choose(clerk, "send_all", *two)
    words = page.content.decode()
    assert "Send 1 notification" in words
    assert "This webhook is inactive." in words
    assert not SendBatch.objects.exists()
    answer = confirm(clerk, page)
    assert "1 notification is on its way." in answer.content.decode()
    batch = SendBatch.objects.get()
    assert (batch.webhook, batch.by, batch.kind) == (webhook, clerk.user, "enviar_tudo")
    entry = AuditEntry.objects.get(action="dispatch.batch.started")
    assert (entry.actor_source, entry.actor_user) == ("staff", clerk.user)
    # The same page sent twice makes no second batch.
    confirm(clerk, page)
    assert SendBatch.objects.count() == 1


def test_resend_pending_takes_what_failed(officer, two, webhook):
    assert "Nothing to do" in choose(officer, "resend_pending", webhook).content.decode()
    Delivery.objects.update(state="failed", reason="exhausted", due_at=None, finished_at=timezone.now())
    ProductStatus.objects.update(state="failed")
    confirm(officer, choose(officer, "resend_pending", webhook))
    assert SendBatch.objects.get().kind == "reenviar"


def test_a_running_batch_can_be_stopped(officer, two, webhook):
    from uuid import uuid4

    batch = start_batch(webhook, "enviar_tudo", by=BY, token=uuid4())
    assert "under way" in choose(officer, "send_all", webhook).content.decode()
    page = choose(officer, "stop_sending", webhook)
    assert "Cancel 1 notification" in page.content.decode()
    confirm(officer, page)
    assert batch.deliveries.get().state == "cancelled"
    assert AuditEntry.objects.filter(action="dispatch.batch.stopped").count() == 1


@pytest.mark.parametrize(("choice", "states"), [("latest", ["waiting"]), ("all", ["waiting"]), ("none", ["cancelled"])])
def test_what_is_held_is_decided_with_its_numbers(officer, two, webhook, choice, states):
    Delivery.objects.update(state="held", reason="webhook_stopped", due_at=None)
    page = choose(officer, "decide_held", webhook)
    for words in ("Send the latest of each", "Send all of them", "Send none of them"):
        assert words in page.content.decode()
    assert re.search(r'<td class="number"[^>]*>1</td><td class="number"[^>]*>0</td>', page.content.decode())
    confirm(officer, page)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"held"}, "without a choice nothing is done"
    confirm(officer, page, choice=choice)
    assert list(Delivery.objects.filter(webhook=webhook).values_list("state", flat=True)) == states


def test_nobody_without_the_right_sends(clerk, two, webhook):
    before = list(Delivery.objects.values_list("pk", "state"))
    assert "send_all" not in clerk.client.get(LIST).content.decode()
    choose(clerk, "send_all", webhook)
    for method in (clerk.client.get, clerk.client.post):
        values = {"kind": "enviar_tudo", "webhook": str(webhook.uuid)}
        assert method(PAGE, values).status_code == 403
    assert list(Delivery.objects.values_list("pk", "state")) == before
    assert not SendBatch.objects.exists()


@pytest.mark.parametrize("query", ["", "kind=nonsense", "kind=enviar_tudo&webhook=nonsense"])
def test_bad_input_changes_nothing(officer, two, query):
    assert officer.client.get(f"{PAGE}?{query}").status_code in (200, 403)
    assert not SendBatch.objects.exists()


def test_a_press_without_its_token_is_refused(officer, two, webhook):
    values = {"kind": "enviar_tudo", "webhook": str(webhook.uuid)}
    assert "before you send" in officer.client.post(PAGE, values, follow=True).content.decode()
    assert not SendBatch.objects.exists()


def test_batches_are_listed(officer, two, webhook):
    from uuid import uuid4

    batch = start_batch(webhook, "enviar_tudo", by=BY, token=uuid4())
    list_page = "/admin/dispatch/sendbatch/"
    assert list(officer.client.get(list_page, {"q": str(batch.uuid)}).context["cl"].queryset) == [batch]
    assert list(officer.client.get(list_page, {"q": "nobody"}).context["cl"].queryset) == []
    assert officer.client.get(f"{list_page}{batch.pk}/change/").status_code == 200
    assert officer.client.post(f"{list_page}{batch.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_list_of_products_is_not_asked_for_one_by_one(officer, webhook, product, django_assert_max_num_queries):
    announce(make_publication(product), by=BY)
    choose(officer, "send_all", webhook)
    for _ in range(5):
        webhook.product_subscriptions.create(product=make_product())
    with django_assert_max_num_queries(14):
        officer.client.get(PAGE, {"kind": "enviar_tudo", "webhook": str(webhook.uuid)})
