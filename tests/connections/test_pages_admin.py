"""Connections, certificates, held tokens and runs in the admin: found, looked at, never changed; nothing secret."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from tests.factories import make_connection, make_key_pair
from tests.people import Person

pytestmark = pytest.mark.django_db
CANARY = "CANARY-5d1f77aa90"


@pytest.fixture
def connection(owner: Person) -> Connection:
    made: Connection = make_connection(
        participant=owner.participant,
        name="Emissor de tokens",
        token_url="https://as.vento.test/token?tenant=QUERYSECRET",
        settings={"client_id": "cliente-77"},
        secrets={"client_secret": CANARY},
    )
    CachedToken.objects.create(
        key="a" * 64,
        connection=made,
        credential_version=made.credential_version,
        failure_code="token_invalid_client",
        failures=1,
    )
    run = ConnectionRun(connection=made, by="Owner", at=timezone.now(), purge_at=timezone.now() + timedelta(days=1))
    run.token, run.succeeded, run.finished_at = CANARY, True, timezone.now()
    run.save()
    return made


@pytest.fixture
def key_pair(owner: Person) -> KeyPair:
    made: KeyPair = make_key_pair(participant=owner.participant, name="Assinatura 2026")
    return made


def search(officer: Person, model: Any, **parameters: Any) -> str:
    name = reverse(f"admin:connections_{model._meta.model_name}_changelist")
    return officer.client.get(name, parameters).content.decode()


@pytest.mark.parametrize("model", [Connection, CachedToken, ConnectionRun])
@pytest.mark.parametrize("words", ["Emissor", "Vento", "cliente-77", "as.vento.test/token"])
def test_rows_are_found_by_name_participant_client_id_and_address(
    officer: Person, connection: Connection, model: Any, words: str
) -> None:
    assert "Emissor de tokens" in search(officer, model, q=words)
    assert "Emissor de tokens" not in search(officer, model, q="nobody-has-this")


@pytest.mark.parametrize("model", [Connection, CachedToken, ConnectionRun])
def test_rows_are_found_by_cnpj_and_identifier(officer: Person, connection: Connection, model: Any) -> None:
    for words in (connection.participant.cnpj, str(connection.uuid)):
        assert "Emissor de tokens" in search(officer, model, q=words)


@pytest.mark.parametrize("model", [Connection, CachedToken, ConnectionRun])
def test_no_search_confirms_a_masked_value(officer: Person, connection: Connection, model: Any) -> None:
    assert "Emissor de tokens" not in search(officer, model, q="QUERYSECRET")


@pytest.mark.parametrize("lookup", ["token_url__contains", "settings__client_id", "secrets", "connection__token_url"])
def test_no_address_of_a_list_confirms_a_value_either(officer: Person, connection: Connection, lookup: str) -> None:
    for model in (Connection, CachedToken, ConnectionRun):
        url = reverse(f"admin:connections_{model._meta.model_name}_changelist")
        answer = officer.client.get(url, {lookup: "QUERYSECRET"})
        shown = "Emissor de tokens" in answer.content.decode()
        assert (answer.status_code in (302, 400), shown) == (True, False), (model, lookup)


@pytest.mark.parametrize("words", ["Assinatura", "client.example.com", "Vento"])
def test_certificates_are_found(officer: Person, key_pair: KeyPair, words: str) -> None:
    assert "Assinatura 2026" in search(officer, KeyPair, q=words)
    assert "Assinatura 2026" in search(officer, KeyPair, q=key_pair.fingerprint[:20])


def test_certificates_that_end_soon_are_told_apart(officer: Person, key_pair: KeyPair) -> None:
    KeyPair.objects.update(not_after=timezone.now() + timedelta(days=90))
    assert "Assinatura 2026" in search(officer, KeyPair, validity="good")
    assert "Assinatura 2026" not in search(officer, KeyPair, validity="soon")
    KeyPair.objects.update(not_after=timezone.now() + timedelta(days=3))
    assert "Assinatura 2026" in search(officer, KeyPair, validity="soon")
    KeyPair.objects.update(not_after=timezone.now() - timedelta(days=3), not_before="2020-01-01T00:00Z")
    assert "Assinatura 2026" in search(officer, KeyPair, validity="over")


@pytest.mark.parametrize("model", [Connection, KeyPair, CachedToken, ConnectionRun])
def test_x_3_pages_show_nothing_secret_and_change_nothing(
    officer: Person, connection: Connection, key_pair: KeyPair, model: Any
) -> None:
    row = model.objects.get()
    name = f"admin:connections_{model._meta.model_name}"
    page = officer.client.get(reverse(f"{name}_change", args=[row.pk])).content.decode()
    shown = page + search(officer, model)
    assert [word for word in (CANARY, "QUERYSECRET", "PRIVATE KEY") if word in shown] == []
    assert officer.client.post(reverse(f"{name}_change", args=[row.pk]), {"name": "x"}).status_code == 403
    assert officer.client.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403
    assert officer.client.get(reverse(f"{name}_add")).status_code == 403
    assert not any(action in page for action in ('name="_save"', "deletelink"))


def test_the_list_of_connections_asks_the_same_for_one_and_for_many(
    officer: Person, owner: Person, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    search(officer, Connection)
    with django_assert_max_num_queries(30) as one:
        assert "No token" in search(officer, Connection)
    for _number in range(5):
        make_connection(participant=owner.participant)
    with django_assert_max_num_queries(len(one)):
        search(officer, Connection)


def test_every_model_that_people_see_has_its_page() -> None:
    assert {Connection, KeyPair, CachedToken, ConnectionRun} <= set(admin.site._registry)


def test_a_run_is_named_by_its_connection_and_its_end_lies_ahead(officer: Person, connection: Connection) -> None:
    run = ConnectionRun.objects.get()
    page = officer.client.get(reverse("admin:connections_connectionrun_change", args=[run.pk])).content.decode()
    assert "Emissor de tokens, " in page.partition("</title>")[0]
    for words in ("Will be removed at", "Succeeded", "Duration"):
        assert words in page, words
    assert "Removed at" not in page


def test_states_have_an_icon_and_a_colour(officer: Person, connection: Connection, key_pair: KeyPair) -> None:
    KeyPair.objects.update(not_after=timezone.now() + timedelta(days=3))
    for model, words in ((Connection, "No token"), (KeyPair, "Expires in 3 days")):
        shown = search(officer, model).partition(words)[0].rpartition("<span")[2]
        assert "tone-" in shown
        assert "<svg" in shown


def test_filters_and_empty_lists_are_in_words(officer: Person, connection: Connection) -> None:
    page = search(officer, CachedToken)
    assert "Without a failure" in page
    assert "Not empty" not in page
    assert "Failed or not finished" in search(officer, ConnectionRun)
    assert "The token itself is never shown." in page
    asked = search(officer, CachedToken, failure_code__isempty=1)
    assert "Emissor de tokens" not in asked
