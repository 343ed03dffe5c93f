"""Connections and key pairs are created, changed, replaced and archived: rows, audit entries and news."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.db.models import ProtectedError

from access.models import AuditEntry
from connections import uses
from connections.actions import (
    archive_connection,
    archive_key_pair,
    create_connection,
    create_key_pair,
    rename_key_pair,
    replace_key_pair,
    update_connection,
)
from connections.checks import check_registered_kinds
from connections.errors import Archived, CannotUse, InUse, InvalidConnection, KeyPairRefused
from connections.models import CachedToken, Connection, KeyPair
from connections.signals import credentials_changed
from connections.tokens import material_of, source_of
from connections.values import TokenHeader
from tests.at_once import at_once
from tests.certificates import self_signed
from tests.factories import SECRET, connection_values, make_connection, make_key_pair, make_upload
from tests.people import Person
from vault.kept import KEPT

pytestmark = pytest.mark.django_db


@pytest.fixture
def news() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(sender: Any, *, connections: list[int], key_pairs: list[int], by: Any, **_: Any) -> None:
        assert database.in_atomic_block
        heard.append({"sender": sender, "connections": connections, "key_pairs": key_pairs, "by": by})

    credentials_changed.connect(hear)
    yield heard
    credentials_changed.disconnect(hear)


@pytest.fixture
def used() -> Iterator[list[str]]:
    names: list[str] = []
    uses.register("tests", lambda _row: names)
    yield names
    del uses._finders["tests"]


def last_entry(action: str) -> AuditEntry:
    return AuditEntry.objects.filter(action=action).latest("pk")


def values_of(connection: Connection, **over: Any) -> Any:
    """The values that leave a connection as it is, but for `over`."""
    same = {"name": connection.name, "kind": connection.kind, "secrets": {"client_secret": KEPT, "body": KEPT}}
    return connection_values(**same | over)


# --- connections --------------------------------------------------------------------------------------------------


def test_values_come_back_as_they_were_given(owner: Person) -> None:
    """CERC-23, BTG-4, BTG-5: round trip of values."""
    settings = {"scope": "a b", "client_id": "c", "auth_type": "client_secret_post"}
    values = connection_values(name=" Vento ", description="What it is for", settings=settings)
    made = create_connection(owner.participant, values=values, by=owner.actor)
    made.refresh_from_db()
    assert (made.name, made.description, made.kind, made.shared) == ("Vento", "What it is for", "oauth2", True)
    assert made.settings == settings | {"audience": "", "authorization_details": "", "headers": []}
    assert source_of(made).secrets == {"client_secret": SECRET}
    assert made.created_by == "Owner"


def test_secrets_rest_sealed_and_are_no_part_of_the_audit_trail(owner: Person) -> None:
    headers = (TokenHeader("X-Key", "hidden-value-1"), TokenHeader("X-Open", "shown-value-1", secret=False))
    values = connection_values(
        headers=headers, secrets={"body": "pin=hidden-value-2"}, token_url="https://a.test/?k=q1w2"
    )
    made = create_connection(owner.participant, values=values, by=owner.actor)
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets, settings FROM connections_connection")
        [[sealed, settings]] = cursor.fetchall()
    assert sealed.startswith("k1:")
    entry = last_entry("connections.connection.created")
    assert (entry.participant, entry.object_id) == (owner.participant, str(made.uuid))
    told = json.dumps([str(settings), entry.after, entry.before])
    assert [each for each in (SECRET, "hidden-value-1", "hidden-value-2") if each in told] == []
    assert "shown-value-1" in told
    assert "q1w2" not in json.dumps(entry.after)


def test_a_change_of_credentials_is_another_version_and_is_told_in_its_transaction(
    owner: Person, news: list[dict[str, Any]]
) -> None:
    made = make_connection(participant=owner.participant)
    before = made.credential_version
    changed = update_connection(made, values=values_of(made, settings={"scope": "new"}), by=owner.actor)
    assert changed.credential_version != before
    assert changed.secrets_version == made.secrets_version
    assert news == [{"sender": Connection, "connections": [made.pk], "key_pairs": [], "by": owner.actor}]
    entry = last_entry("connections.connection.updated")
    assert (entry.before["settings"]["scope"], entry.after["settings"]["scope"]) == ("", "new")


def test_another_name_is_no_change_of_credentials(owner: Person, news: list[dict[str, Any]]) -> None:
    made = make_connection(participant=owner.participant)
    CachedToken.objects.create(key="0" * 64, connection=made, credential_version=made.credential_version)
    changed = update_connection(made, values=values_of(made, name="New", description="n"), by=owner.actor)
    assert (changed.name, changed.credential_version) == ("New", made.credential_version)
    assert news == []
    assert CachedToken.objects.count() == 1
    assert last_entry("connections.connection.updated").after == {"name": "New", "description": "n"}


def test_saving_the_same_again_leaves_no_trace(owner: Person, news: list[dict[str, Any]]) -> None:
    made = make_connection(participant=owner.participant, secrets={"body": "a=b"})
    again = update_connection(made, values=values_of(made, secrets={"body": "a=b"}), by=owner.actor)
    assert again.credential_version == made.credential_version
    assert again.secrets_version == made.secrets_version
    assert news == []
    assert not AuditEntry.objects.filter(action="connections.connection.updated").exists()


def test_x_3_a_kept_secret_goes_to_no_other_server(owner: Person) -> None:
    made = make_connection(participant=owner.participant)
    elsewhere = "https://elsewhere.example.com/token"
    with pytest.raises(InvalidConnection) as refused:
        update_connection(made, values=values_of(made, token_url=elsewhere), by=owner.actor)
    assert [(each.field, each.code) for each in refused.value.problems] == [("client_secret", "secret_elsewhere")]
    again = values_of(made, token_url=elsewhere, secrets={"client_secret": SECRET})
    assert update_connection(made, values=again, by=owner.actor).token_url == elsewhere


@pytest.mark.parametrize(("given", "kept"), [(KEPT, SECRET), ("a-new-secret-0123", "a-new-secret-0123")])
def test_a_secret_that_is_not_given_again_stays(owner: Person, given: Any, kept: str) -> None:
    made = make_connection(participant=owner.participant)
    changed = update_connection(made, values=values_of(made, secrets={"client_secret": given}), by=owner.actor)
    assert source_of(changed).secrets["client_secret"] == kept
    assert (changed.secrets_version == made.secrets_version) == (given is KEPT)


def test_an_empty_text_clears_a_secret_and_a_mandatory_one_is_then_missing(owner: Person) -> None:
    made = make_connection(participant=owner.participant, secrets={"body": "a=b"})
    changed = update_connection(made, values=values_of(made, secrets={"body": ""}), by=owner.actor)
    assert "body" not in source_of(changed).secrets
    with pytest.raises(InvalidConnection) as refused:
        update_connection(made, values=values_of(made, secrets={"client_secret": ""}), by=owner.actor)
    assert [(each.field, each.code) for each in refused.value.problems] == [("client_secret", "required")]
    made.refresh_from_db()
    assert source_of(made).secrets == {"client_secret": SECRET}


def test_header_rows_keep_their_secrets_through_moves_and_new_names(owner: Person) -> None:
    headers = (TokenHeader("X-One", "first-value-1"), TokenHeader("X-Two", "second-value-2"))
    made = make_connection(participant=owner.participant, headers=headers)
    one, two = made.settings["headers"]
    swapped = (TokenHeader("X-Two", KEPT, id=two["id"]), TokenHeader("X-Renamed", KEPT, id=one["id"]))
    changed = update_connection(made, values=values_of(made, headers=swapped), by=owner.actor)
    secrets, rows = source_of(changed).secrets, changed.settings["headers"]
    assert [(row["name"], secrets[f"header.{row['id']}"]) for row in rows] == [
        ("X-Two", "second-value-2"),
        ("X-Renamed", "first-value-1"),
    ]
    emptied = update_connection(changed, values=values_of(made), by=owner.actor)
    assert source_of(emptied).secrets == {"client_secret": SECRET}


def test_a_hidden_header_is_not_shown_by_switching_its_secret_off(owner: Person) -> None:
    made = make_connection(participant=owner.participant, headers=(TokenHeader("X-One", "first-value-1"),))
    rows = (TokenHeader("X-One", KEPT, secret=False, id=made.settings["headers"][0]["id"]),)
    with pytest.raises(InvalidConnection) as refused:
        update_connection(made, values=values_of(made, headers=rows), by=owner.actor)
    assert [(each.field, each.code) for each in refused.value.problems] == [("headers.0.value", "required")]


def test_the_kind_of_a_shared_connection_is_fixed_and_an_owned_one_takes_no_secret_along(owner: Person) -> None:
    shared = make_connection(participant=owner.participant)
    with pytest.raises(InvalidConnection) as refused:
        update_connection(shared, values=values_of(shared, kind="jwt_7519"), by=owner.actor)
    assert ("kind", "kind_fixed") in [(each.field, each.code) for each in refused.value.problems]
    owned = make_connection(participant=owner.participant, kind="jwt_7519", shared=False)
    key_pair = make_key_pair(participant=owner.participant, shared=False)
    values = connection_values(kind="jwt_7523", secrets={"body": KEPT}, key_pair=key_pair, shared=False)
    changed = update_connection(owned, values=values, by=owner.actor)
    assert (changed.kind, changed.secrets, changed.key_pair) == ("jwt_7523", "", key_pair)


def test_a_secret_that_does_not_open_is_said_so_and_can_be_given_again(owner: Person) -> None:
    made = make_connection(participant=owner.participant)
    with database.cursor() as cursor:
        cursor.execute("UPDATE connections_connection SET secrets = 'gone:AAAA'")
    made.refresh_from_db()
    with pytest.raises(CannotUse) as refused:
        source_of(made)
    assert refused.value.code == "token_credentials_unreadable"
    with pytest.raises(InvalidConnection):
        update_connection(made, values=values_of(made), by=owner.actor)
    mended = update_connection(made, values=values_of(made, secrets={"client_secret": SECRET}), by=owner.actor)
    assert source_of(mended).secrets == {"client_secret": SECRET}


def test_the_same_form_sent_twice_makes_one_connection(owner: Person, outsider: Person) -> None:
    uuid = uuid4()
    first = create_connection(owner.participant, values=connection_values(), by=owner.actor, uuid=uuid)
    again = create_connection(owner.participant, values=connection_values(), by=owner.actor, uuid=uuid)
    other = create_connection(outsider.participant, values=connection_values(), by=outsider.actor, uuid=uuid)
    assert (first.pk, first.uuid) == (again.pk, uuid)
    assert other.uuid != uuid


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_at_once_makes_one_connection(owner: Person) -> None:
    uuid, values = uuid4(), connection_values()
    calls = [lambda: create_connection(owner.participant, values=values, by=owner.actor, uuid=uuid).pk] * 6
    assert len(set(at_once(calls))) == 1
    assert Connection.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_both_leave_a_whole_row(owner: Person) -> None:
    made = make_connection(participant=owner.participant)
    wanted = [f"scope-{number}" for number in range(6)]
    calls = [
        lambda scope=scope: update_connection(
            made,
            values=values_of(made, settings={"scope": scope}, secrets={"client_secret": scope * 4}),
            by=owner.actor,
        )
        for scope in wanted
    ]
    at_once(calls)
    made.refresh_from_db()
    assert source_of(made).secrets["client_secret"] == made.settings["scope"] * 4
    assert AuditEntry.objects.filter(action="connections.connection.updated").count() == 6


def test_an_archived_connection_is_out_of_use_without_its_secrets(owner: Person) -> None:
    made = make_connection(participant=owner.participant)
    CachedToken.objects.create(key="0" * 64, connection=made, credential_version=made.credential_version)
    archived = archive_connection(made, by=owner.actor)
    assert archived.archived
    assert archived.secrets == ""
    assert not CachedToken.objects.exists()
    assert not Connection.objects.live().exists()
    with pytest.raises(Archived):
        update_connection(made, values=values_of(made), by=owner.actor)
    assert archive_connection(made, by=owner.actor).archived_at == archived.archived_at
    assert AuditEntry.objects.filter(action="connections.connection.archived").count() == 1


def test_what_is_in_use_is_not_archived_and_says_by_whom(owner: Person, used: list[str]) -> None:
    made, key_pair = make_connection(participant=owner.participant), make_key_pair(participant=owner.participant)
    used.append("Webhook “Orders”")
    for archive in (
        lambda: archive_connection(made, by=owner.actor),
        lambda: archive_key_pair(key_pair, by=owner.actor),
    ):
        with pytest.raises(InUse) as refused:
            archive()
        assert refused.value.users == ("Webhook “Orders”",)
        assert "Orders" in str(refused.value)
    assert Connection.objects.live().count() == KeyPair.objects.live().count() == 1


def test_rows_are_reached_from_the_participant_only(owner: Person, outsider: Person, officer: Person) -> None:
    """X-4."""
    make_connection(participant=owner.participant)
    make_key_pair(participant=owner.participant)
    for rows in (Connection.objects, KeyPair.objects):
        assert rows.all().for_actor(owner.actor).count() == 1
        assert not rows.all().for_actor(outsider.actor).exists()
        assert not rows.all().for_actor(officer.actor).exists()


# --- key pairs ----------------------------------------------------------------------------------------------------


def test_a_key_pair_keeps_what_may_be_shown_and_seals_its_key(owner: Person) -> None:
    pair = self_signed("client.example.com", kind="EC")
    upload = make_upload(pair)
    made = create_key_pair(owner.participant, name=" Ours ", upload=upload, by=owner.actor)
    made.refresh_from_db()
    assert (made.name, made.subject, made.key_words) == ("Ours", "CN=client.example.com", "EC P-256")
    with database.cursor() as cursor:
        cursor.execute("SELECT private_key, certificate_pem FROM connections_keypair")
        [[sealed, certificate]] = cursor.fetchall()
    assert sealed.startswith("k1:")
    assert certificate == pair.certificate
    assert material_of(made).private_key_pem == pair.key
    after = last_entry("connections.key_pair.created").after
    assert pair.key.splitlines()[1] not in json.dumps(after)
    assert after["fingerprint"] == made.fingerprint


def test_a_refused_upload_leaves_nothing(owner: Person) -> None:
    upload = make_upload(private_key=b"nothing")
    with pytest.raises(KeyPairRefused) as refused:
        create_key_pair(owner.participant, name="", upload=upload, by=owner.actor)
    assert [(each.field, each.code) for each in refused.value.problems] == [
        ("name", "required"),
        ("private_key", "key_none"),
    ]
    assert not KeyPair.objects.exists()
    made = make_key_pair(participant=owner.participant)
    with pytest.raises(KeyPairRefused):
        replace_key_pair(made, upload=upload, by=owner.actor)
    assert KeyPair.objects.get().fingerprint == made.fingerprint


def test_a_replaced_key_pair_reaches_everything_that_uses_it(owner: Person, news: list[dict[str, Any]]) -> None:
    key_pair = make_key_pair(participant=owner.participant)
    users = [
        make_connection(participant=owner.participant, kind="jwt_7523", key_pair=key_pair),
        make_connection(participant=owner.participant, kind="jwt_7519", key_pair=key_pair),
    ]
    other = make_connection(participant=owner.participant)
    CachedToken.objects.create(key="0" * 64, connection=users[0], credential_version=users[0].credential_version)
    news.clear()
    new = self_signed("new.example.com", kind="Ed25519")
    replaced = replace_key_pair(key_pair, upload=make_upload(new), by=owner.actor)
    assert (replaced.pk, replaced.subject, replaced.algorithm) == (key_pair.pk, "CN=new.example.com", "EdDSA")
    assert replaced.private_key_version != key_pair.private_key_version
    versions = {row.pk: row.credential_version for row in Connection.objects.all()}
    assert all(versions[user.pk] != user.credential_version for user in users)
    assert versions[other.pk] == other.credential_version
    ids = [user.pk for user in users]
    assert news == [{"sender": KeyPair, "connections": ids, "key_pairs": [key_pair.pk], "by": owner.actor}]
    assert not CachedToken.objects.exists()
    assert source_of(Connection.objects.get(pk=ids[0])).key_pair == material_of(replaced)
    entry = last_entry("connections.key_pair.replaced")
    assert (entry.before["subject"], entry.after["subject"]) == ("CN=client.example.com", "CN=new.example.com")


def test_a_key_pair_is_renamed_and_archived_without_its_key(owner: Person, news: list[dict[str, Any]]) -> None:
    made = make_key_pair(participant=owner.participant, name="Old")
    assert rename_key_pair(made, name="New", by=owner.actor).name == "New"
    assert last_entry("connections.key_pair.renamed").before == {"name": "Old"}
    with pytest.raises(KeyPairRefused):
        rename_key_pair(made, name="", by=owner.actor)
    archived = archive_key_pair(made, by=owner.actor)
    assert (archived.archived, archived.private_key) == (True, "")
    assert archive_key_pair(made, by=owner.actor).archived_at == archived.archived_at
    for change in (
        lambda: rename_key_pair(made, name="Again", by=owner.actor),
        lambda: replace_key_pair(made, upload=make_upload(), by=owner.actor),
    ):
        with pytest.raises(Archived):
            change()
    assert news == []


def test_a_key_pair_that_a_connection_uses_is_not_archived(owner: Person) -> None:
    made = make_connection(participant=owner.participant, kind="jwt_7523", name="Ours")
    assert made.key_pair is not None
    with pytest.raises(InUse) as refused:
        archive_key_pair(made.key_pair, by=owner.actor)
    assert refused.value.users == ("Ours",)
    archive_connection(made, by=owner.actor)
    assert archive_key_pair(made.key_pair, by=owner.actor).archived


@pytest.mark.django_db(transaction=True)
def test_a_key_pair_is_either_archived_or_chosen_never_both(owner: Person) -> None:
    for _ in range(5):
        key_pair = make_key_pair(participant=owner.participant)
        values = connection_values(kind="jwt_7523", key_pair=key_pair)

        def choose(values: Any = values) -> bool:
            try:
                create_connection(owner.participant, values=values, by=owner.actor)
            except InvalidConnection:
                return False
            return True

        def archive(key_pair: KeyPair = key_pair) -> bool:
            try:
                archive_key_pair(key_pair, by=owner.actor)
            except InUse:
                return False
            return True

        assert sorted(at_once([choose, archive])) == [False, True]


# --- the database's own rules -------------------------------------------------------------------------------------


def test_what_is_pointed_to_is_not_deleted(owner: Person) -> None:
    made = make_connection(participant=owner.participant, kind="jwt_7523")
    assert made.key_pair is not None
    with pytest.raises(ProtectedError):
        made.key_pair.delete()


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (KeyPair, {"not_after": "2000-01-01T00:00Z"}),
        (CachedToken, {"refresh_at": "2030-01-01T00:00Z"}),
    ],
)
def test_the_database_refuses_half_filled_rows(owner: Person, model: Any, change: dict[str, Any]) -> None:
    made = make_connection(participant=owner.participant, kind="jwt_7523")
    CachedToken.objects.create(key="0" * 64, connection=made, credential_version=made.credential_version)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(**change)


def test_every_secret_here_is_sealed_anew_by_a_rotation(owner: Person, settings: Any) -> None:
    made = make_connection(participant=owner.participant, kind="jwt_7523", secrets={"body": "pin=1234"})
    settings.PORTAL_DATA_KEYS = "k2:dGVzdHMtb25seS1rZXktbnVtYmVyLXR3by0zMi1ieSE=," + settings.PORTAL_DATA_KEYS
    call_command("rotate_secrets")
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets, private_key FROM connections_connection c, connections_keypair")
        [sealed] = cursor.fetchall()
    assert [each[:3] for each in sealed] == ["k2:", "k2:"]
    made = Connection.objects.select_related("key_pair").get()
    assert source_of(made).secrets == {"body": "pin=1234"}


def test_a_kind_that_this_release_does_not_have_is_reported(owner: Person) -> None:
    make_connection(participant=owner.participant)
    assert check_registered_kinds(databases=["default"]) == []
    Connection.objects.update(kind="saml")
    [error] = check_registered_kinds(databases=["default"])
    assert error.id == "connections.E001"
