"""Credentials of connections and certificates change only for somebody who has just proved who they are: whatever the
way in, and without losing what was typed."""

from typing import Any

import pytest
from django.core.cache import cache

from connections.models import Connection, KeyPair
from connections.values import TokenHeader
from tests.connections.pages import CANARY, HTMX, posted, text, uploaded, url
from tests.factories import SECRET, make_connection, make_key_pair
from tests.people import Person
from tests.posted_back import posted_back

pytestmark = pytest.mark.django_db
PASSWORD = "a-good-long-password"
ASKED = 'name="again-password"'
HTMX_OR_NOT = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def stored(connection: Connection) -> dict[str, Any]:
    return dict(Connection.objects.filter(pk=connection.pk).values().get())


def edit(over: dict[str, Any] | None = None) -> dict[str, Any]:
    """The form of `make_connection()` as it is, secrets left empty."""
    return posted(name="Emissor", client_secret="") | (over or {})


# --- connections ----------------------------------------------------------------------------------------------------


@HTMX_OR_NOT
def test_creating_one_is_refused_until_it_is_proved_who_asks(owner: Person, headers: dict[str, str]) -> None:
    fields = posted(uuid="")
    refused = owner.stale_client.post(url("connection-create", "oauth2"), fields, headers=headers)
    assert ASKED in text(refused)
    assert CANARY not in text(refused)
    assert not Connection.objects.exists()
    proved = fields | {"again-password": PASSWORD}
    owner.stale_client.post(url("connection-create", "oauth2"), proved, headers=headers)
    assert Connection.objects.count() == 1


@HTMX_OR_NOT
def test_a_wrong_password_changes_nothing(owner: Person, headers: dict[str, str]) -> None:
    fields = posted() | {"again-password": "wrong-password"}
    page = text(owner.stale_client.post(url("connection-create", "oauth2"), fields, headers=headers))
    assert "This is not your password." in page
    assert "wrong-password" not in page
    assert not Connection.objects.exists()


def test_without_javascript_everything_but_secrets_comes_back(owner: Person) -> None:
    page = text(owner.stale_client.post(url("connection-create", "oauth2"), posted(description="Kept words")))
    assert "Kept words" in page
    assert "Enter these secrets again:" in page
    assert page.count(ASKED) == 1


def test_without_javascript_it_can_be_given_at_the_first_try(owner: Person) -> None:
    page = text(owner.stale_client.get(url("connection-create", "oauth2")))
    assert ASKED in page.split("<noscript>")[-1]
    assert ASKED not in text(owner.client.get(url("connection-create", "oauth2")))


@HTMX_OR_NOT
@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "another-secret-of-some-length"},
        {"client_id": "client-2"},
        {"auth_type": "client_secret_post"},
        {"token_url": "https://as.example.com/another"},
        {"token_url": "http://as.example.com/token"},
        {"scope": "more"},
        {"headers": [("X-Key", "value-of-a-header")]},
        {"headers": [("X-Key", "value-of-a-header", False)]},
    ],
    ids="-".join,
)
def test_what_a_token_is_asked_for_with_takes_proof(
    owner: Person, change: dict[str, Any], headers: dict[str, str]
) -> None:
    connection = make_connection(participant=owner.participant, name="Emissor")
    before, fields = stored(connection), posted(**{"client_secret": ""} | change)
    answer = owner.stale_client.post(url("connection-edit", connection), fields, headers=headers)
    assert ASKED in text(answer)
    assert stored(connection) == before
    owner.stale_client.post(url("connection-edit", connection), fields | {"again-password": PASSWORD}, headers=headers)
    assert stored(connection)["credential_version"] != before["credential_version"]


def test_a_name_and_a_description_take_none(owner: Person) -> None:
    connection = make_connection(participant=owner.participant, name="Emissor")
    answer = owner.stale_client.post(
        url("connection-edit", connection), edit({"name": "Renamed", "description": "Words"})
    )
    assert answer.status_code == 302
    after = Connection.objects.get()
    assert (after.name, after.description) == ("Renamed", "Words")
    assert after.credential_version == connection.credential_version


@pytest.mark.parametrize("kind", ["oauth2", "btg_id", "jwt_7523", "jwt_7519"])
def test_a_form_sent_back_as_it_came_takes_none(owner: Person, kind: str) -> None:
    header = TokenHeader("X-Key", CANARY, True)
    rows = (header,) if kind in ("oauth2", "jwt_7519") else ()
    connection = make_connection(participant=owner.participant, kind=kind, headers=rows)
    page = text(owner.stale_client.get(url("connection-edit", connection)))
    fields = posted_back(page, "connection-form") | {"name": "Renamed"}
    answer = owner.stale_client.post(url("connection-edit", connection), fields, headers=HTMX)
    assert "HX-Redirect" in answer, text(answer)
    assert stored(connection)["credential_version"] == connection.credential_version


def test_what_is_wrong_is_said_before_the_proof_is_asked_for(owner: Person) -> None:
    page = text(owner.stale_client.post(url("connection-create", "oauth2"), posted(name=""), headers=HTMX))
    assert "1 thing to correct" in page
    assert ASKED not in page


def test_the_right_password_is_not_asked_for_twice_when_something_else_is_wrong(owner: Person) -> None:
    fields = posted(name="") | {"again-password": PASSWORD}
    owner.stale_client.post(url("connection-create", "oauth2"), fields, headers=HTMX)
    assert not Connection.objects.exists()
    owner.stale_client.post(url("connection-create", "oauth2"), posted(), headers=HTMX)
    assert Connection.objects.count() == 1


def test_an_upload_with_the_connection_is_not_kept_without_proof(owner: Person) -> None:
    fields = posted("jwt_7523", key_pair="new", **{"upload-name": "Client"})
    page = text(owner.stale_client.post(url("connection-create", "jwt_7523"), fields | uploaded(prefix="upload-")))
    assert ASKED in page
    assert not Connection.objects.exists()
    assert not KeyPair.objects.exists()
    again = fields | uploaded(prefix="upload-") | {"again-password": PASSWORD}
    owner.stale_client.post(url("connection-create", "jwt_7523"), again)
    assert KeyPair.objects.count() == Connection.objects.count() == 1


def test_another_certificate_takes_proof(owner: Person) -> None:
    connection = make_connection(participant=owner.participant, kind="jwt_7523", name="Emissor")
    other, before = make_key_pair(participant=owner.participant), stored(connection)
    fields = posted("jwt_7523", key_pair=str(other.uuid))
    assert ASKED in text(owner.stale_client.post(url("connection-edit", connection), fields, headers=HTMX))
    assert stored(connection) == before


# --- certificates ---------------------------------------------------------------------------------------------------


@HTMX_OR_NOT
def test_a_certificate_is_stored_only_with_proof(owner: Person, headers: dict[str, str]) -> None:
    refused = owner.stale_client.post(url("key-pair-create"), {"name": "Client"} | uploaded(), headers=headers)
    assert ASKED in text(refused)
    assert not KeyPair.objects.exists()
    fields = {"name": "Client", "again-password": PASSWORD} | uploaded()
    owner.stale_client.post(url("key-pair-create"), fields, headers=headers)
    assert KeyPair.objects.count() == 1


@HTMX_OR_NOT
def test_a_certificate_is_replaced_only_with_proof(owner: Person, headers: dict[str, str]) -> None:
    key_pair = make_key_pair(participant=owner.participant)
    refused = owner.stale_client.post(url("key-pair-replace", key_pair), uploaded(), headers=headers)
    assert ASKED in text(refused)
    assert KeyPair.objects.get().fingerprint == key_pair.fingerprint
    fields = uploaded() | {"again-password": PASSWORD}
    owner.stale_client.post(url("key-pair-replace", key_pair), fields, headers=headers)
    assert KeyPair.objects.get().fingerprint != key_pair.fingerprint


def test_nothing_of_the_proof_is_kept_where_it_could_be_read(owner: Person, caplog: pytest.LogCaptureFixture) -> None:
    owner.stale_client.post(url("connection-create", "oauth2"), posted() | {"again-password": PASSWORD})
    assert PASSWORD not in str(dict(owner.stale_client.session)) + caplog.text
    assert SECRET not in str(dict(owner.stale_client.session))
