import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from access import audit, audit_chain
from access.actors import Actor
from access.audit_chain import COVERED, link_entries, verify_chain
from access.audit_triggers import create_triggers, drop_triggers
from access.models import AuditEntry, AuditLink
from access.tasks import link_audit_entries
from tests.at_once import at_once
from tests.factories import make_user


def make_entries(count):
    user = make_user()
    with transaction.atomic():
        return [audit.record(by=Actor.system("test"), action=f"access.user.step_{n}", obj=user) for n in range(count)]


def tamper(statement, *values):
    """What somebody does who owns the database: takes the guards off, changes rows, puts the guards back."""
    settle()
    drop_triggers(connection)
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    settle()
    create_triggers(connection)


def settle():
    """PostgreSQL alters no table while foreign keys wait for the end of the transaction."""
    if connection.vendor == "postgresql":
        connection.check_constraints()


def test_every_entry_gets_its_place_once(db):
    entries = make_entries(3)
    assert link_entries() == 3
    assert link_entries() == 0
    assert list(AuditLink.objects.values_list("position", "entry_id")) == [(n + 1, e.pk) for n, e in enumerate(entries)]
    assert verify_chain().problem == ""


def test_more_entries_than_one_batch_are_linked_in_one_chain(db, monkeypatch):
    monkeypatch.setattr(audit_chain, "BATCH", 2)
    make_entries(5)
    link_audit_entries()
    verdict = verify_chain()
    assert (verdict.verified, verdict.unlinked, verdict.problem) == (5, 0, "")


def test_link_covers_every_column_of_an_entry():
    assert set(COVERED) == {field.attname for field in AuditEntry._meta.concrete_fields}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "access.user.other"),
        ("actor_label", "Somebody else"),
        ("after", '{"role": "viewer"}'),
        ("recorded_at", "2020-01-01 00:00:00+00:00"),
        ("address", "192.0.2.1"),
    ],
)
def test_changed_entry_is_named(db, column, value):
    _first, second, _third = make_entries(3)
    link_entries()
    tamper(f"UPDATE access_auditentry SET {column} = %s WHERE id = %s", value, second.pk)
    verdict = verify_chain()
    assert verdict.verified == 1
    assert verdict.problem == f"entry {second.pk} ({second.uuid}) at position 2 is not what was linked"


def test_changed_link_is_named(db):
    first, *_others = make_entries(2)
    link_entries()
    tamper("UPDATE access_auditlink SET linked_at = %s WHERE position = 1", timezone.now())
    assert verify_chain().problem.startswith(f"entry {first.pk} ")


def test_swapped_links_are_noticed(db):
    make_entries(2)
    link_entries()
    tamper("UPDATE access_auditlink SET position = 3 - position + 10")
    tamper("UPDATE access_auditlink SET position = position - 10")
    assert "position 1" in verify_chain().problem


def test_missing_link_is_named(db):
    make_entries(3)
    link_entries()
    tamper("DELETE FROM access_auditlink WHERE position = 2")
    assert verify_chain().problem == "position 2 is missing: the next link stands at position 3"


def test_unknown_key_is_named(db):
    make_entries(1)
    link_entries()
    tamper("UPDATE access_auditlink SET key_id = %s", "k9")
    assert verify_chain().problem == "position 1 is sealed with key 'k9', which is not in PORTAL_DATA_KEYS"


@pytest.mark.django_db(transaction=True)
def test_missing_entry_is_named():
    entry, _other = make_entries(2)
    link_entries()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
    tamper("DELETE FROM access_auditentry WHERE id = %s", entry.pk)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = origin")
    assert verify_chain().problem == f"entry {entry.pk} is missing: position 1 links to it"
    tamper("DELETE FROM access_auditlink WHERE entry_id = %s", entry.pk)


def test_chain_goes_on_with_a_new_key_and_still_verifies_the_old_one(db, settings):
    make_entries(1)
    link_entries()
    settings.PORTAL_DATA_KEYS = "k2:dGVzdHMtb25seS1rZXktbnVtYmVyLXR3by0zMi1ieSE=," + settings.PORTAL_DATA_KEYS
    make_entries(1)
    link_entries()
    assert list(AuditLink.objects.values_list("key_id", flat=True)) == ["k1", "k2"]
    assert verify_chain().problem == ""


@pytest.mark.django_db(transaction=True)
def test_two_linkers_at_once_make_one_chain():
    make_entries(30)
    linked = at_once([link_entries] * 4)
    assert sum(linked) == 30
    assert list(AuditLink.objects.values_list("position", flat=True)) == list(range(1, 31))
    assert verify_chain().problem == ""


def test_command_reports_a_whole_chain(db, capsys):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        make_entries(2)
        link_entries()
        make_entries(1)
        clock.shift(90)
        call_command("verify_audit")
    words = capsys.readouterr().out
    assert "links verified: 2" in words
    assert "entries not linked yet: 1" in words
    assert "oldest of them: 90 s" in words


def test_command_fails_on_the_first_bad_row(db, capsys):
    first, *_others = make_entries(2)
    link_entries()
    tamper("UPDATE access_auditentry SET action = 'x' WHERE id = %s", first.pk)
    with pytest.raises(CommandError) as failure:
        call_command("verify_audit")
    assert failure.value.returncode == 1
    assert f"entry {first.pk} ({first.uuid}) at position 1" in capsys.readouterr().err


def test_cut_tail_shows_against_the_head_kept_elsewhere(db, capsys):
    make_entries(3)
    link_entries()
    call_command("verify_audit", "--head")
    kept = capsys.readouterr().out.strip()
    call_command("verify_audit", "--kept", kept)
    tamper("DELETE FROM access_auditlink WHERE position = 3")
    assert verify_chain().problem == ""
    with pytest.raises(CommandError):
        call_command("verify_audit", "--kept", kept)
    assert "position 3 is missing: the chain was cut off" in capsys.readouterr().err
    link_entries()
    with pytest.raises(CommandError):
        call_command("verify_audit", "--kept", kept.replace(":", ":0"))
    assert "position 3 is not the link that was kept" in capsys.readouterr().err


def test_command_on_an_empty_trail_and_with_a_malformed_link(db, capsys):
    call_command("verify_audit", "--head")
    call_command("verify_audit")
    assert capsys.readouterr().out.startswith("none\nlinks verified: 0\nlast link: none\n")
    with pytest.raises(CommandError) as failure:
        call_command("verify_audit", "--kept", "nonsense")
    assert failure.value.returncode == 2
