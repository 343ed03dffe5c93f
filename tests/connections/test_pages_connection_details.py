"""The participant's page of a connection: what it shows, and the way to its archive."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connections.kinds.registry import KINDS
from connections.models import Connection
from tests.connections.pages import CANARY, text, url
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from webhooks.auth.registry import METHODS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("over", "shown"),
    [
        ({}, ["Authorization:</span> Basic ••••••••", "grant_type=</span>client_credentials"]),
        ({"settings": {"auth_type": "client_secret_post"}}, ["client_secret=</span>••••••••"]),
        (
            {"settings": {"auth_type": "client_secret_jwt"}, "secrets": {"client_secret": CANARY * 2}},
            ["client_assertion=</span>••••••••"],
        ),
        ({"kind": "btg_id"}, ["authorization_details=</span>[{", "&lt;Locations&gt;"]),
        ({"kind": "jwt_7523"}, ["assertion=</span>••••••••", "grant-type:jwt-bearer"]),
        (
            {"kind": "jwt_7519"},
            ["&quot;user&quot;: &quot;••••••••&quot;", "&quot;password&quot;: &quot;••••••••&quot;"],
        ),
    ],
)
def test_details_show_what_goes_over_the_wire_without_a_secret(
    owner: Person, over: dict[str, Any], shown: list[str]
) -> None:
    secrets = {"jwt_7519": {"body": f'{{"user": "{CANARY}", "password": "{CANARY}"}}'}, "jwt_7523": {}}
    given = secrets.get(over.get("kind", ""), {"client_secret": CANARY})
    connection = make_connection(participant=owner.participant, **{"secrets": given} | over)
    page = text(owner.client.get(url("connection-detail", connection)))
    assert [words for words in shown if words not in page] == []
    assert CANARY not in page


def test_extra_fields_of_the_body_are_named_and_their_values_masked(owner: Person) -> None:
    connection = make_connection(participant=owner.participant, secrets={"body": f"tenant={CANARY}\nflag=on"})
    page = text(owner.client.get(url("connection-detail", connection)))
    assert "tenant=</span>••••••••" in page
    assert "flag=</span>••••••••" in page
    assert CANARY not in page


def test_details_say_when_secrets_no_longer_open(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)
    other = make_connection(participant=owner.participant)
    Connection.objects.filter(pk=connection.pk).update(secrets=other.secrets_sealed)
    page = text(owner.client.get(url("connection-detail", connection)))
    assert "POST /token" not in page
    assert "What is sent" in page


@pytest.mark.parametrize("kind", list(KINDS))
def test_only_a_kind_that_webhooks_take_is_offered_to_them(owner: Person, kind: str) -> None:
    taken = any(kind in getattr(method, "kinds", ()) for method in METHODS.values())
    page = text(owner.client.get(url("connection-detail", make_connection(participant=owner.participant, kind=kind))))
    assert ("Choose it in the form of a webhook" in page) is taken
    assert ("Webhooks can't use this kind of connection" in page) is not taken


def test_details_say_minutes_and_lead_to_archiving(owner: Person, viewer: Person) -> None:
    connection = make_connection(participant=owner.participant, kind="jwt_7519", settings={"token_minutes": "45"})
    page = text(owner.client.get(url("connection-detail", connection)))
    assert "45 min<" in page
    assert url("connection-archive", connection) in page
    assert url("connection-archive", connection) not in text(owner.client.get(url("connection-edit", connection)))
    assert url("connection-archive", connection) not in text(viewer.client.get(url("connection-detail", connection)))


def test_the_certificate_that_is_good_for_longer_is_offered_first(owner: Person) -> None:
    now = timezone.now()
    make_key_pair(participant=owner.participant, name="A vence", not_after=now + timedelta(days=5, hours=12))
    make_key_pair(participant=owner.participant, name="B vale", not_after=now + timedelta(days=300))
    page = text(owner.client.get(url("connection-create", "jwt_7523")))
    first, second = re.findall(r"<option[^>]*>([^<]*(?:A vence|B vale)[^<]*)</option>", page)
    assert first.startswith("B vale")
    assert re.search("^A vence · .* · expires in [56] days", second)


def test_what_is_used_is_not_archived(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)
    webhook = make_webhook(participant=owner.participant, description="Mesa de operação")
    type(webhook).objects.filter(pk=webhook.pk).update(connection=connection)
    page = text(owner.client.get(url("connection-archive", connection)))
    assert "Mesa de operação" in page
    assert "btn-danger" not in page
    page = text(owner.client.post(url("connection-archive", connection), follow=True))
    assert "It is still in use by: Mesa de operação" in page
    assert not Connection.objects.get().archived


def test_what_nobody_uses_is_archived_and_then_only_looked_at(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)
    assert owner.client.post(url("connection-archive", connection)).status_code == 302
    assert Connection.objects.get().archived
    page = text(owner.client.get(url("connection-detail", connection)))
    assert "This connection is archived" in page
    assert url("connection-run", connection) not in page
    for name in ("connection-edit", "connection-archive", "connection-run"):
        assert owner.client.get(url(name, connection)).status_code == 404


@pytest.mark.parametrize("name", ["connection-list", "connection-choose", "key-pair-list"])
def test_pages_to_look_at_take_no_post(owner: Person, name: str) -> None:
    assert owner.client.post(url(name)).status_code == 405


def test_pages_are_portuguese_too(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)
    owner.user.language = "pt-br"
    owner.user.save()
    for name, row in (("connection-list", None), ("connection-detail", connection), ("connection-choose", None)):
        assert '<html lang="pt-br"' in text(owner.client.get(url(name, row)))
