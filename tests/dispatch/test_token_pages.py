"""What the portal shows of webhooks that send a token or signed headers."""

from typing import Any

import pytest
from django.urls import reverse

from connections.models import Connection
from outbound.masking import MASK
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from webhooks.models import Webhook
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
