"""Identifiers of other people's rows, smuggled into forms, queries and addresses; and ways to a foreign site (X-4)."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.safety.world import OWNERS_WORDS, World
from tests.webhooks.pages import posted

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


def test_nobody_returns_to_a_foreign_site(world: World) -> None:
    """Wherever a page takes `next`."""
    for target in ("https://evil.test/", "//evil.test/", "/\\evil.test/", "https:evil.test", "javascript:alert(1)"):
        client, form = world.client("administrator"), {"next": target}
        account = {"login": world.owner.user.email, "password": "a-good-long-password"}
        answers = [
            client.post(reverse("access:preferences-update"), form | {"theme": "dark"}),
            client.get(reverse("account_login"), form),
            world.client("staff").get(reverse("admin:login"), form),
            client.post(reverse("account_logout"), form),
            Client().post(reverse("account_login"), form | account),
        ]
        places = [answer.get("Location", "") for answer in answers]
        assert not [place for place in places if not re.match(r"(/[^/\\]|/?$)", place)]
        assert places[0] == places[-1] == "/"
