"""What the portal answers to the pages of lower floors."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from access import slots
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
