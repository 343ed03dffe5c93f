"""What the list of webhooks asks about deliveries (ONS-16)."""

import pytest
from django.urls import reverse

from access.actors import Actor
from dispatch.actions import announce
from dispatch.slots import webhook_detail_url
from tests.factories import make_product, make_publication, make_webhook
from tests.receiver import Answer

pytestmark = pytest.mark.django_db
LIST = "/settings/integration/webhooks/"


@pytest.fixture
def webhooks(owner, loopback, receiver, product, work):
    """One that works, one that fails, one never told."""
    failing = make_product()
    receiver.answer("/bad", Answer(404))
    made = [
        make_webhook(participant=owner.participant, request_uri=receiver.url("/good"), products=[product]),
        make_webhook(participant=owner.participant, request_uri=receiver.url("/bad"), products=[failing]),
        make_webhook(participant=owner.participant),
    ]
    for each in (product, failing):
        announce(make_publication(each), by=Actor.system("test"))
    work()
    return made


def test_rows_show_how_each_webhook_is_doing_and_lead_to_its_details(owner, webhooks):
    html = owner.client.get(LIST).content.decode()
    for words in ("Healthy", "Failing: 404", "Waiting for the first", "Show details", "1 delivered, 0 attempts failed"):
        assert words in html
    for webhook in webhooks:
        assert webhook_detail_url(webhook=webhook) in html
        assert webhook_detail_url(webhook=webhook) == reverse("dispatch:webhook-detail", args=[webhook.uuid])


def test_more_rows_need_no_more_queries(owner, webhooks, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    owner.client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        owner.client.get(LIST)
    for _ in range(5):
        make_webhook(participant=owner.participant)
    with django_assert_max_num_queries(len(few)):
        owner.client.get(LIST)
    assert len(few) < 15


def test_the_menu_counts_the_webhooks_with_a_problem(owner, webhooks):
    assert "1 webhook with a problem" in owner.client.get("/settings/").content.decode()


def test_a_row_says_that_somebody_has_to_decide_what_becomes_of_what_is_held(owner, webhooks):
    """After a webhook is active again, the list leads to the question."""
    from dispatch.models import Delivery

    good = webhooks[0]
    Delivery.objects.filter(webhook=good).update(state="held", reason="webhook_inactive", due_at=None, finished_at=None)
    html = owner.client.get(LIST).content.decode()
    assert "1 notification is held." in html
    assert f"{webhook_detail_url(webhook=good)}#held" in html
