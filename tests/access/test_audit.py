from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext_lazy

from access import audit, request_context
from access.actors import Actor
from access.audit_triggers import TABLES, trigger_names
from access.models import AuditEntry, AuditLink, AuditRedaction, Erasure, Role, User
from tests.factories import make_participant, make_user
from vault.sealed import Place, Sealed


def entry_by(actor, **over):
    with transaction.atomic():
        values = {"by": actor, "action": "access.user.tried", "obj": make_user(name="Ana"), **over}
        return audit.record(**values)


def test_entry_names_who_what_where_and_the_change(owner):
    with request_context.bound(request="abc123", from_address="198.51.100.7"):
        entry = entry_by(owner.actor, before={"role": Role.VIEWER}, after={"role": Role.TECHNICAL})
    entry.refresh_from_db()
    assert (entry.actor_user, entry.actor_source, entry.actor_label) == (owner.user, "user", "Owner")
    assert entry.participant == owner.participant
    assert (entry.object_type, entry.object_label[:3]) == ("access.user", "Ana")
    assert (entry.before, entry.after) == ({"role": "viewer"}, {"role": "technical"})
    assert (entry.request_id, entry.address) == ("abc123", "198.51.100.7")


def test_system_and_staff_leave_their_name_and_the_participant_they_were_given(officer, db):
    participant = make_participant()
    by_system = entry_by(Actor.system("publish command"), participant=participant)
    by_staff = entry_by(officer.actor)
    assert (by_system.actor_source, by_system.actor_label, by_system.actor_user) == ("system", "publish command", None)
    assert by_system.participant == participant
    assert (by_staff.actor_source, by_staff.actor_user, by_staff.participant) == ("staff", officer.user, None)


@pytest.mark.django_db(transaction=True)
def test_entry_is_refused_outside_the_transaction_of_its_change():
    with pytest.raises(TransactionManagementError):
        audit.record(by=Actor.system("test"), action="access.user.tried", obj=make_user())
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_entry_goes_with_a_change_that_is_undone():
    with transaction.atomic():
        entry_by(Actor.system("test"))
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_values_are_kept_plain(db):
    values = {
        "at": datetime(2026, 11, 22, 12, tzinfo=UTC),
        "on": date(2026, 11, 22),
        "amount": Decimal("1.10"),
        "uuid": UUID(int=7),
        "word": gettext_lazy("Bank"),
        "ratio": float("nan"),
        "names": {"b", "a"},
        "pair": (1, None),
        "deep": {"half": "\ud800", "nul": "a\0b"},
    }
    entry = entry_by(Actor.system("test"), after=values)
    entry.refresh_from_db()
    assert entry.after == {
        "at": "2026-11-22T12:00:00+00:00",
        "on": "2026-11-22",
        "amount": "1.10",
        "uuid": "00000000-0000-0000-0000-000000000007",
        "word": str(gettext_lazy("Bank")),
        "ratio": "nan",
        "names": ["a", "b"],
        "pair": [1, None],
        "deep": {"half": "?", "nul": "a\ufffdb"},
    }


def test_sealed_and_unknown_values_are_refused(db):
    """X-3: no secret reaches the trail."""

    sealed = Sealed("", Place("tests", "secret"))
    for value in (sealed, b"secret", [sealed], {"inner": sealed}):
        with pytest.raises(TypeError):
            entry_by(Actor.system("test"), after={"value": value})
    assert not AuditEntry.objects.exists()


def test_long_labels_are_cut_and_never_undo_the_change(db):
    entry = entry_by(Actor.system("x" * 500), obj=User(name="Ana\0 " + "y" * 140, email="z" * 254))
    entry.refresh_from_db()
    assert (len(entry.actor_label), len(entry.object_label)) == (200, 200)


def test_only_what_differs_is_a_change():
    before, after = {"a": 1, "b": 2, "gone": 0}, {"a": 1, "b": 3, "new": None}
    assert audit.changes(before, after) == ({"b": 2, "gone": 0}, {"b": 3})


def link_to(entry):
    return AuditLink.objects.create(entry=entry, position=1, key_id="k1", mac="0" * 64)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_auditentry SET action = 'x'",
        "DELETE FROM access_auditentry",
        "UPDATE access_auditlink SET mac = 'x'",
        "DELETE FROM access_auditlink",
    ],
)
def test_database_refuses_to_change_or_delete_the_trail(db, statement):
    entry = entry_by(Actor.system("test"))
    link_to(entry)
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(statement)
    assert AuditEntry.objects.get().action == "access.user.tried"
    assert AuditLink.objects.get().mac == "0" * 64


def test_orm_can_not_change_or_delete_the_trail_either(db):
    entry = entry_by(Actor.system("test"))
    for attempt in (lambda: AuditEntry.objects.update(action="x"), entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    entry.action = "x"
    with pytest.raises(DatabaseError), transaction.atomic():
        entry.save()
    assert AuditEntry.objects.get().action == "access.user.tried"


@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_take_the_place_of_another(db, table):
    link_to(entry_by(Actor.system("test")))
    entry = entry_by(Actor.system("test"))
    erasure = Erasure.objects.create(participant=make_participant(), requested_by="test", reason="test")
    AuditRedaction.objects.create(entry=entry, erasure=erasure, key_id="k1", mac="0" * 64)
    if connection.vendor == "postgresql":
        statement = f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id) DO UPDATE SET id = excluded.id"
    else:
        statement = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(statement)


@pytest.mark.postgres
def test_truncate_is_refused(db):
    for table in TABLES:
        with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(f"TRUNCATE {table} CASCADE")


def test_triggers_stand_after_all_migrations(db):
    """A later migration that rebuilds a table on SQLite drops its triggers silently."""
    source = "pg_trigger" if connection.vendor == "postgresql" else "sqlite_master"
    column = "tgname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {source}")
        present = {row[0] for row in cursor.fetchall()}
    expected = {name for table in TABLES for name in trigger_names(connection.vendor, table)}
    assert expected <= present


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_number", [1, 2])
def test_flush_of_the_suite_empties_the_trail_and_puts_the_triggers_back(round_number):
    assert not AuditEntry.objects.exists()
    entry_by(Actor.system("test"))
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_trail_of_one_participant_is_not_seen_by_another(owner, outsider):
    entry = entry_by(owner.actor)
    assert list(AuditEntry.objects.for_actor(owner.actor)) == [entry]
    assert not AuditEntry.objects.for_actor(outsider.actor).exists()
    assert not AuditEntry.objects.for_actor(Actor.system("test")).exists()
    assert not AuditEntry.objects.for_actor(Actor.anonymous()).exists()
