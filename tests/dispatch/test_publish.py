"""From a file to deliveries: who is told, once, and who is not (ONS-03, GSAN-13, UNICO-13)."""

import json
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from access.actors import Actor
from catalog.errors import FileRefused, PeriodRefused
from catalog.models import Publication
from dispatch.actions import publish, release_due_publications, withdraw
from dispatch.models import Delivery, Event, Lane, ProductStatus
from tests.factories import make_participant, make_product, make_webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def published(product, *, period="2020-08-15", content=b"hour;price\n1;10\n", **over):
    return publish(product, period=period, upload=ContentFile(content, "data.csv"), by=BY, **over)


def test_one_delivery_for_each_subscribed_webhook_and_none_for_the_others(product):
    """ONS-03, ONS-07, GSAN-13: the same product in several webhooks, also of one participant."""
    participant = make_participant()
    told = [make_webhook(products=[product], participant=participant) for _ in range(2)]
    told.append(make_webhook(products=[product]))
    make_webhook(products=[make_product()])
    assert published(product).deliveries == 3
    assert set(Delivery.objects.values_list("webhook", flat=True)) == {webhook.pk for webhook in told}
    assert Lane.objects.count() == 3


@pytest.mark.parametrize(
    "over",
    [{"active": False}, {"ready": False}, {"active": False, "archived_at": timezone.now()}],
    ids=["inactive (UNICO-13)", "authentication incomplete (GSAN-13)", "archived"],
)
def test_a_webhook_that_is_not_eligible_gets_nothing(product, over):
    make_webhook(products=[product], **over)
    assert published(product).deliveries == 0
    assert not Delivery.objects.exists()


def test_a_blocked_participant_gets_nothing(product):
    blocked = make_participant(blocked_at=timezone.now(), blocked_reason="fees")
    make_webhook(products=[product], participant=blocked)
    assert published(product).deliveries == 0


def test_a_webhook_stopped_by_the_system_gets_its_delivery_as_held(product):
    make_webhook(products=[product], stopped_at=timezone.now(), stopped_reason="gone")
    assert published(product).deliveries == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason, delivery.due_at) == ("held", "webhook_stopped", None)


def test_only_participants_of_the_audience_are_told():
    inside, outside = make_participant(), make_participant()
    product = make_product(granted_to=[inside, outside])
    for participant in (inside, outside):
        make_webhook(products=[product], participant=participant)
    product.grants.filter(participant=outside).delete()
    assert published(product).deliveries == 1
    assert Delivery.objects.get().webhook.participant == inside


def test_the_event_keeps_what_was_published(product):
    """ONS-17, ONS-18: frozen as text, in the documented order."""
    make_webhook(products=[product])
    publication = published(product).publication
    event = Event.objects.get()
    payload = json.loads(event.payload)
    assert payload["publication"] == str(publication.uuid)
    assert payload["Nome"] == product.name
    assert (payload["Periodicidade"], payload["PeriodicidadeFinal"]) == ("2020-08-15T00:00:00", "2020-08-15T23:59:59")
    assert (event.subject, event.mode, event.publication) == (f"product:{product.uuid}", "live", publication)


def test_the_status_of_the_product_points_to_the_new_delivery(product):
    """ONS-15."""
    make_webhook(products=[product])
    published(product)
    first = ProductStatus.objects.get()
    published(product, period="2020-08-16", content=b"other")
    status = ProductStatus.objects.get()
    assert status.delivery_id != first.delivery_id
    assert (status.state, status.delivery) == ("waiting", Delivery.objects.latest("pk"))


def test_the_same_file_again_tells_nobody(product):
    make_webhook(products=[product])
    first, again = published(product), published(product)
    assert (again.created, again.deliveries, again.publication) == (False, 0, first.publication)
    assert Delivery.objects.count() == 1


def test_a_different_file_is_a_new_version_and_is_told(product):
    make_webhook(products=[product])
    published(product)
    second = published(product, content=b"corrected")
    assert (second.publication.version, second.deliveries) == (2, 1)


def test_many_webhooks_cost_the_same_number_of_queries(product, django_assert_max_num_queries):
    make_webhook(products=[product])
    for _ in range(5):
        make_webhook(products=[product])
    with django_assert_max_num_queries(20):
        assert published(product).deliveries == 6


def test_nothing_is_left_of_a_publication_that_was_refused(product):
    make_webhook(products=[product])
    with pytest.raises(PeriodRefused):
        published(product, period="2020-08")
    with pytest.raises(FileRefused):
        published(product, content=b"")
    assert not Publication.objects.exists()
    assert not Event.objects.exists()


def test_an_embargoed_publication_is_told_when_its_time_comes(product):
    make_webhook(products=[product])
    at = timezone.now() + timedelta(hours=1)
    done = published(product, publish_at=at)
    assert (done.created, done.deliveries, Event.objects.count()) == (True, 0, 0)
    assert release_due_publications(now=at - timedelta(seconds=1)) == 0
    assert release_due_publications(now=at) == 1
    assert release_due_publications(now=at) == 0
    assert Delivery.objects.count() == 1


def test_withdrawal_cancels_what_waits_and_the_status_falls_back(product):
    make_webhook(products=[product])
    published(product)
    second = published(product, period="2020-08-16").publication
    assert withdraw(second, reason="wrong figures", by=BY) == 1
    cancelled = Delivery.objects.get(event__publication=second)
    assert (cancelled.state, cancelled.reason, cancelled.due_at) == ("cancelled", "withdrawn", None)
    assert ProductStatus.objects.get().delivery.event.publication != second


def test_withdrawal_of_the_only_version_leaves_no_status(product):
    make_webhook(products=[product])
    withdraw(published(product).publication, reason="wrong figures", by=BY)
    assert not ProductStatus.objects.exists()


def test_stopping_holds_and_archiving_and_unsubscribing_cancel_what_waits(product):
    from tests.factories import webhook_values
    from webhooks.actions import archive_webhook, stop_webhook, update_webhook

    stopped, archived, unsubscribed, inactive, kept = (make_webhook(products=[product]) for _ in range(5))
    published(product)
    stop_webhook(stopped, reason="gone", by=BY)
    archive_webhook(archived, by=BY)
    for webhook, over in (
        (unsubscribed, {"products": [make_product()]}),
        (inactive, {"products": [product], "active": False}),
        (kept, {"products": [product]}),
    ):
        values = {"description": webhook.description, "request_uri": webhook.request_uri, **over}
        update_webhook(webhook, values=webhook_values(**values), by=BY)
    ends = {
        webhook: (delivery.state, delivery.reason)
        for delivery in Delivery.objects.all()
        for webhook in [delivery.webhook_id]
    }
    assert ends == {
        stopped.pk: ("held", "webhook_stopped"),
        archived.pk: ("cancelled", "archived"),
        unsubscribed.pk: ("cancelled", "unsubscribed"),
        inactive.pk: ("held", "webhook_inactive"),
        kept.pk: ("waiting", ""),
    }


def test_blocking_a_participant_holds_what_waits(product):
    from access.actions import block_participant

    webhook = make_webhook(products=[product])
    published(product)
    block_participant(webhook.participant, reason="fees", by=BY)
    assert Delivery.objects.get().reason == "participant_blocked"
