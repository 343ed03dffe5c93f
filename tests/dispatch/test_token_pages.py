"""What the portal shows and probes of webhooks that send a token or signed headers."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from access.actors import Actor
from connections.models import Connection
from dispatch import clock
from dispatch.models import Lane
from dispatch.probing import probe_stopped
from outbound.masking import MASK
from tests.connections.endpoint import VALUE, json_answer, token_answer
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from tests.receiver import Receiver
from webhooks.actions import stop_webhook
from webhooks.models import Webhook, WebhookTest
from webhooks.values import HeaderValues

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]


def signed_webhook(owner: Person) -> Webhook:
    pair = make_key_pair(participant=owner.participant)
    shared = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair)
    headers = (
        HeaderValues("X-Signature", "v1={{signature}}", secret=False),
        HeaderValues("X-Hidden", "{{nonce}}"),
    )
    settings = {"connection": str(shared.uuid)}
    return make_webhook(participant=owner.participant, auth_method="jwt", auth_settings=settings, headers=headers)


def panel_of(owner: Person, webhook: Webhook) -> Any:
    return owner.client.get(reverse("dispatch:webhook-detail", args=[webhook.uuid])).context["panel"]


def test_unico_31_the_request_is_shown_with_its_token_masked_and_its_tags_as_written(owner: Person) -> None:
    lines = {line.name: line for line in panel_of(owner, signed_webhook(owner)).lines}
    assert (lines["Authorization"].value, lines["Authorization"].kind) == (f"Bearer {MASK}", "secret")
    assert (lines["X-Signature"].value, lines["X-Signature"].kind) == ("v1={{signature}}", "live")
    assert lines["X-Hidden"].kind == "secret"


def test_credentials_that_can_not_be_opened_are_said_on_the_page_instead(owner: Person) -> None:
    webhook = signed_webhook(owner)
    foreign = make_key_pair()
    Connection.objects.filter(pk=webhook.connection_id).update(key_pair=foreign)
    type(foreign).objects.filter(pk=foreign.pk).update(private_key=make_key_pair().private_key_sealed)
    assert panel_of(owner, webhook).problem.code == "token_credentials_unreadable"


def probe_with(receiver: Receiver, **over: Any) -> Webhook:
    connection = make_connection(token_url=receiver.url("/token"), **over)
    webhook: Webhook = make_webhook(
        participant=connection.participant,
        request_uri=receiver.url("/hook"),
        auth_method="oauth2",
        auth_settings={"connection": str(connection.uuid)},
    )
    stop_webhook(webhook, reason="failing", by=Actor.system("test"))
    lane, _made = Lane.objects.get_or_create(webhook=webhook)
    Lane.objects.filter(pk=lane.pk).update(probe_at=clock.now() - timedelta(minutes=1))
    return webhook


def test_a_probe_carries_a_token_and_starts_the_webhook_again(receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    webhook = probe_with(receiver)
    assert probe_stopped() == 1
    assert receiver.wait_for(2)[1].header("Authorization") == f"Bearer {VALUE}"
    webhook.refresh_from_db()
    assert not webhook.stopped
    assert VALUE not in str(WebhookTest.objects.get().exchange)


def test_a_probe_without_a_token_says_why_and_changes_nothing(receiver: Receiver) -> None:
    receiver.answer("/token", json_answer({"error": "invalid_client"}, status=401))
    webhook = probe_with(receiver)
    assert probe_stopped() == 0
    assert [request.path for request in receiver.wait_for(1)] == ["/token"]
    assert WebhookTest.objects.get().diagnosis == "token_invalid_client"
    webhook.refresh_from_db()
    assert webhook.stopped
