"""What the portal answers to the pages of lower floors."""

from collections.abc import Iterator

import pytest
from django.utils import timezone, translation

from access import slots
from dispatch.models import Lane, ProductStatus
from dispatch.pages.states import failure_text
from tests.factories import make_delivery, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def test_block_tells_its_effect_before_it_happens(owner: Person, outsider: Person) -> None:
    make_delivery(webhook=make_webhook(participant=owner.participant))
    make_webhook(participant=owner.participant, active=False)
    make_delivery(webhook=make_webhook(participant=outsider.participant))

    words = slots.call("participants_block_effect", None, participants=[owner.participant])

    assert words == "1 active webhook receives nothing any more. 1 waiting notification is held."


def test_unblock_tells_what_waits_for_a_decision(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    make_delivery(webhook=webhook, state="held", reason="participant_blocked", due_at=None)

    words = slots.call("participants_unblock_effect", None, participants=[owner.participant])

    assert words == "1 held notification waits for its participant's decision."


def test_count_beside_webhooks_in_the_menu_is_of_those_with_a_problem(owner: Person, outsider: Person) -> None:
    for person in (owner, outsider):
        webhook = make_webhook(participant=person.participant)
        type(webhook).objects.filter(pk=webhook.pk).update(stopped_at="2026-11-19T12:00Z", stopped_reason="gone")
    make_webhook(participant=owner.participant)

    assert "1 webhook with a problem" in owner.client.get("/profile/").content.decode()


def test_list_says_why_a_webhook_fails_and_how_much_waits_for_it(owner: Person) -> None:
    failing = make_webhook(participant=owner.participant)
    make_webhook(participant=owner.participant)
    retried = make_delivery(webhook=failing, counted_attempts=1)
    ProductStatus.objects.create(
        webhook=failing,
        product=retried.event.publication.product,
        delivery=retried,
        state="waiting",
        failed_attempts=1,
        changed_at=timezone.now(),
    )
    Lane.objects.filter(pk=failing.pk).update(failures_in_row=1)

    page = owner.client.get("/settings/integration/webhooks/").content.decode()

    assert f"<span>{failure_text(None, '')}</span>" in page
    assert (page.count("1 pending"), page.count("none pending")) == (1, 1)


def test_pages_of_notifications_stand_below_webhooks_in_the_menu(owner: Person) -> None:
    page = owner.client.get("/deliveries/").content.decode()

    assert 'href="/settings/integration/webhooks/" aria-current="true"' in page
