"""Where a failure may be about our signature, its explanation leads to the secret, for those who may go there."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from access.actors import Actor
from dispatch.actions import announce
from dispatch.models import Delivery
from tests.factories import make_connection, make_publication, make_webhook
from tests.people import Person
from tests.receiver import Answer, Receiver
from webhooks.actions import archive_webhook
from webhooks.auth.registry import METHODS
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


@pytest.fixture
def webhook(owner: Person, loopback: None, receiver: Receiver, product: Any) -> Any:
    return make_webhook(participant=owner.participant, request_uri=receiver.url("/hook"), products=[product])


@pytest.fixture
def fail_with(webhook: Any, receiver: Receiver, product: Any, work: Any) -> Callable[[int], Delivery]:
    def send(status: int) -> Delivery:
        receiver.answer("/hook", Answer(status))
        announce(make_publication(product), by=BY)
        work()
        return Delivery.objects.get()

    return send


def ways_out(person: Person, name: str, row: Any) -> list[str]:
    """Where the buttons under "What to do" lead."""
    html = person.client.get(reverse(name, args=[row.uuid])).content.decode()
    return [
        address
        for block in re.findall(r'class="diagnosis-action.*?</p>', html)
        for address in re.findall(r'href="([^"]+)"', block)
    ]


def way_to(name: str, webhook: Any) -> str:
    return reverse(f"webhooks:{name}", args=[webhook.uuid])


def test_a_401_leads_to_the_form_and_to_the_signing_secret(teammate: Person, webhook: Any, fail_with: Any) -> None:
    delivery = fail_with(401)
    secret = way_to("webhook-secret", webhook)
    on_webhook = ways_out(teammate, "dispatch:webhook-detail", webhook)
    assert on_webhook == [way_to("webhook-edit", webhook), secret]
    assert ways_out(teammate, "dispatch:delivery-detail", delivery) == [way_to("webhook-edit", webhook), secret]
    assert teammate.client.get(secret).status_code == 200


def test_whoever_may_not_open_the_secret_is_not_led_there(viewer: Person, webhook: Any, fail_with: Any) -> None:
    delivery = fail_with(401)
    assert ways_out(viewer, "dispatch:webhook-detail", webhook) == []
    assert ways_out(viewer, "dispatch:delivery-detail", delivery) == []
    assert viewer.client.get(way_to("webhook-secret", webhook)).status_code == 403


def test_a_404_is_not_about_the_signature(teammate: Person, webhook: Any, fail_with: Any) -> None:
    delivery = fail_with(404)
    on_webhook = ways_out(teammate, "dispatch:webhook-detail", webhook)
    assert on_webhook == [way_to("webhook-edit", webhook)]
    assert ways_out(teammate, "dispatch:delivery-detail", delivery) == [way_to("webhook-edit", webhook)]


def test_a_refused_token_of_a_connection_leads_to_the_connection_first(
    teammate: Person, webhook: Any, fail_with: Any
) -> None:
    delivery = fail_with(401)
    delivery.attempts.update(diagnosis="unauthorized_oauth2")
    connection = make_connection(participant=teammate.participant)
    Webhook.objects.filter(pk=webhook.pk).update(connection=connection)
    there = reverse("connections:connection-detail", args=[connection.uuid])
    assert ways_out(teammate, "dispatch:delivery-detail", delivery) == [there, way_to("webhook-secret", webhook)]


def test_a_fault_in_the_receiver_leads_nowhere(teammate: Person, fail_with: Any) -> None:
    assert ways_out(teammate, "dispatch:delivery-detail", fail_with(500)) == []


def test_only_the_newest_attempt_leads_to_the_secret(
    teammate: Person, webhook: Any, fail_with: Any, receiver: Receiver, work: Any, later: Any
) -> None:
    delivery = fail_with(401)
    later(301)
    work()
    ways = [way_to(name, webhook) for name in ("webhook-edit", "webhook-secret")]
    assert ways_out(teammate, "dispatch:delivery-detail", delivery) == ways
    receiver.answer("/hook", Answer(204))
    later(602)
    work()
    assert ways_out(teammate, "dispatch:delivery-detail", delivery) == []


def test_an_archived_webhook_has_no_page_of_its_secret(teammate: Person, webhook: Any, fail_with: Any) -> None:
    delivery = fail_with(401)
    archive_webhook(webhook, by=BY)
    assert ways_out(teammate, "dispatch:delivery-detail", delivery) == []
    assert teammate.client.get(way_to("webhook-secret", webhook)).status_code == 404


def test_the_diagnoses_about_the_signature_are_those_that_name_it() -> None:
    about = {code for code, diagnosis in DIAGNOSES.items() if diagnosis.signature}
    assert about == {f"unauthorized_{name}" for name in METHODS} | {"signing_secret_missing"}
    assert all("signing secret" in str(DIAGNOSES[code].action) for code in about)
