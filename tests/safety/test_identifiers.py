"""Identifiers of other people's rows, smuggled into forms, queries and addresses; and ways to a foreign site (X-4)."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from connections.models import Connection
from tests.canary import plant
from tests.connections.pages import posted as posted_connection
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.safety.world import OWNERS_WORDS, World, all_rows, walk
from tests.webhooks.pages import posted
from webhooks.models import Webhook
from webhooks.values import HeaderValues

pytestmark = pytest.mark.django_db


def test_new_webhook_under_the_uuid_of_another_participants_is_a_new_one(world: World) -> None:
    before = list(type(world.webhook).objects.filter(pk=world.webhook.pk).values())
    answer = world.client("outsider").post(reverse("webhooks:webhook-create"), posted(uuid=str(world.webhook.uuid)))
    assert answer.status_code == 302
    assert str(world.webhook.uuid) not in answer["Location"]
    assert list(type(world.webhook).objects.filter(pk=world.webhook.pk).values()) == before


def test_product_that_was_not_granted_is_not_taken(world: World) -> None:
    form = posted(products=[str(world.product.uuid)])
    answer = world.client("outsider").post(reverse("webhooks:webhook-create"), form)
    assert answer.status_code == 200
    assert not type(world.webhook).objects.filter(participant=world.people["outsider"].participant).exists()


def test_lists_take_no_identifier_of_another_participant(world: World) -> None:
    client = world.client("outsider")
    for query in (
        {"webhook": str(world.webhook.uuid)},
        {"before": str(world.delivery.uuid)},
        {"q": "Tarifa"},
    ):
        words = client.get(reverse("dispatch:delivery-list"), query).content.decode()
        assert not [word for word in OWNERS_WORDS if word in words], query


NO_ROWS = {"oauth2-headers-TOTAL_FORMS": "0", "oauth2-headers-INITIAL_FORMS": "0"}
NO_ROWS |= {"jwt-headers-TOTAL_FORMS": "0", "jwt-headers-INITIAL_FORMS": "0"}


@pytest.mark.parametrize(
    "fields",
    [
        {"auth_method": "oauth2", "oauth2-connection": "{connection}"},
        {"auth_method": "jwt", "jwt-connection": "{connection}"},
        {"client_key_pair-shared": "{key_pair}"},
        {"headers": [("X-Own", "", True, "{header}")]},
    ],
)
def test_webhook_uses_nothing_of_another_participants(world: World, fields: dict[str, Any]) -> None:
    """Connections, key pairs and kept header values by their identifiers: refused, or as if they were not there."""
    secret = plant()
    theirs = make_webhook(participant=world.participant, headers=(HeaderValues("X-Own", secret),))
    shared = make_connection(participant=world.participant, name="Emissor secreto 2")
    # Without one of their own they would not be asked which.
    make_key_pair(participant=world.people["outsider"].participant)
    make_connection(participant=world.people["outsider"].participant)
    values = {"{connection}": shared.uuid, "{key_pair}": world.key_pair.uuid, "{header}": theirs.headers.get().uuid}
    text = json.dumps(fields)
    for name, value in values.items():
        text = text.replace(name, str(value))
    form = posted(**NO_ROWS | json.loads(text))
    answer = world.client("outsider").post(reverse("webhooks:webhook-create"), form)
    assert answer.status_code == 200, "it was saved"
    assert not Webhook.objects.filter(participant=world.people["outsider"].participant).exists()
    page = answer.content.decode()
    assert not [word for word in OWNERS_WORDS if word in page]


def test_webhook_of_ones_own_takes_the_same_fields(world: World) -> None:
    """Or the refusals above would be about something else."""
    make_connection(participant=world.participant, name="Own issuer")
    source = Connection.objects.get(name="Own issuer")
    client, create = world.client("administrator"), reverse("webhooks:webhook-create")
    fields = NO_ROWS | {"auth_method": "oauth2", "oauth2-connection": str(source.uuid)}
    form = posted(description="With a source", **fields)
    assert client.post(create, form).status_code == 302
    form = posted(description="With a certificate", **{"client_key_pair-shared": str(world.key_pair.uuid)})
    assert client.post(create, form).status_code == 302
    assert Webhook.objects.get(description="With a source").connection == source
    assert Webhook.objects.get(description="With a certificate").client_key_pair == world.key_pair


def test_connection_takes_no_key_pair_of_another_participant(world: World) -> None:
    path = reverse("connections:connection-create", args=["jwt_7523"])
    answer = world.client("outsider").post(path, posted_connection("jwt_7523", key_pair=str(world.key_pair.uuid)))
    assert answer.status_code == 200
    assert not Connection.objects.filter(participant=world.people["outsider"].participant).exists()


def test_own_row_in_the_address_opens_no_row_of_another_below_it(world: World) -> None:
    """Addresses with two identifiers: a webhook of one's own, and a batch or a product of somebody else."""
    own = make_webhook(participant=world.people["outsider"].participant)
    client, before, walked = world.client("outsider"), all_rows(), 0
    for name, pattern in walk(get_resolver()):
        keys = list(pattern.pattern.converters)
        if name.startswith("admin:") or len(keys) < 2 or "uuid" not in keys:
            continue
        walked += 1
        foreign = {"batch_uuid": world.batch.uuid, "product_uuid": world.product.uuid}
        path = reverse(name, kwargs={"uuid": own.uuid} | {key: foreign[key] for key in keys if key != "uuid"})
        for answer in (client.get(path), client.post(path)):
            assert answer.status_code in (404, 405), f"{name}: {answer.status_code}"
            assert not [word for word in OWNERS_WORDS if word in answer.content.decode()], name
    assert walked >= 5
    assert all_rows() == before


def test_identifier_that_is_a_number_is_none_anywhere(world: World) -> None:
    """Rows are reached by uuid: whoever counts upwards finds nothing."""
    numbered = [
        name
        for name, pattern in walk(get_resolver())
        if not name.startswith("admin:")
        and any(key in ("pk", "id") or type(each).__name__ == "IntConverter" for key, each in _converters(pattern))
    ]
    assert numbered == []


def _converters(pattern: URLPattern) -> list[tuple[str, Any]]:
    return list(pattern.pattern.converters.items())


def test_nobody_returns_to_a_foreign_site(world: World) -> None:
    """Wherever a page takes `next`, or `back`."""
    own = str(world.webhook.uuid)
    for target in ("https://evil.test/", "//evil.test/", "/\\evil.test/", "https:evil.test", "javascript:alert(1)"):
        client, form = world.client("administrator"), {"next": target}
        account = {"login": world.owner.user.email, "password": "a-good-long-password"}
        answers = [
            client.post(reverse("access:preferences-update"), form | {"theme": "dark"}),
            client.get(reverse("account_login"), form),
            world.client("staff").get(reverse("admin:login"), form),
            client.post(reverse("account_logout"), form),
            client.get(reverse("account_reauthenticate"), form),
            client.post(reverse("access:participant-switch"), form | {"participant": str(world.participant.uuid)}),
            world.client("officer").post(
                reverse("admin:webhooks_webhook_pause"), {"webhook": own, "note": "why", "back": target}
            ),
            Client().post(reverse("account_login"), form | account),
        ]
        places = [answer.get("Location", "") for answer in answers]
        assert not [place for place in places if not re.match(r"(/[^/\\]|/?$)", place)]
        assert places[0] == places[-1] == "/"
