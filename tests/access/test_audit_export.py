"""The audit trail as a file: whole, in its range, harmless in a spreadsheet, and itself on record."""

import csv
import io
import json
import stat
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import transaction

from access import audit_export
from access.actors import Actor
from access.audit import record
from access.audit_chain import link_entries
from access.audit_export import COLUMNS, Format, Range, escape_formula, export_audit
from access.models import AuditEntry
from tests.factories import make_participant, make_user
from tests.people import Person

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
PAGE = "/admin/access/auditentry/export/"


def make_entry(**over: Any) -> AuditEntry:
    with transaction.atomic():
        return record(**{"by": BY, "action": "access.user.tried", "obj": make_user()} | over)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def text_of(chosen: Range, kind: Format) -> str:
    return "".join(export_audit(chosen, kind, by=BY).lines)


def test_every_entry_comes_once_in_order_with_its_place_in_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "CHUNK", 2)
    entries = [make_entry(after={"n": number}) for number in range(5)]
    link_entries()
    lines = [json.loads(line) for line in text_of(Range(), Format.JSONL).splitlines()]
    assert [line["uuid"] for line in lines] == [str(entry.uuid) for entry in entries]
    assert [line["position"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["after"] for line in lines] == [{"n": number} for number in range(5)]
    assert set(lines[0]) == set(COLUMNS)


def test_both_formats_say_the_same(owner: Person) -> None:
    make_entry(by=owner.actor, before={"name": "Ação, “à”"}, after={"name": 'say "hi"\nthere'})
    [line] = [json.loads(line) for line in text_of(Range(), Format.JSONL).splitlines()]
    found = next(row for row in rows_of(text_of(Range(), Format.CSV)) if row["uuid"] == line["uuid"])
    assert (json.loads(found["before"]), json.loads(found["after"])) == (line["before"], line["after"])
    for name in set(COLUMNS) - {"before", "after"}:
        assert found[name] == ("" if line[name] is None else str(line[name]))
    assert found["cnpj"] == owner.participant.formatted_cnpj


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_what_a_spreadsheet_would_run_is_text(first: str) -> None:
    name = f'{first}HYPERLINK("http://evil.example","Click")'
    make_entry(obj=make_participant(name=name))
    [row] = rows_of(text_of(Range(), Format.CSV))
    assert row["object"] == f"'{name}"
    assert escape_formula("2026-11-22") == "2026-11-22"
    # For programs it stays what it is.
    assert json.loads(text_of(Range(), Format.JSONL).splitlines()[0])["object"] == name


@pytest.mark.parametrize("separator", [";", "|", "\t"])
@pytest.mark.parametrize("gap", ["", " ", '"', '" "'])
def test_no_cell_begins_a_formula_at_another_separator_either(separator: str, gap: str) -> None:
    name = f"Sol{separator}{gap}=1+1{separator}Mar"
    make_entry(obj=make_participant(name=name), after={"name": name, "note": "-1", "kinds": ["@a", "=b"]})
    text = text_of(Range(), Format.CSV)
    for line in csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=separator):
        assert not [cell for cell in line if cell.strip('" \t').startswith(("=", "+", "-", "@"))], line
    assert "'=1+1" in text
    last = json.loads(text_of(Range(), Format.JSONL).splitlines()[0])
    assert (last["object"], last["after"]["name"]) == (name, name)


def test_days_are_the_portals_and_both_are_included() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    made = {}
    for moment in ("2026-11-20 23:59:59", "2026-11-21 00:00:00", "2026-11-22 23:59:59", "2026-11-23 00:00:00"):
        with time_machine.travel(datetime.fromisoformat(moment).replace(tzinfo=zone), tick=False):
            made[moment] = str(make_entry().uuid)
    chosen = Range(since=date(2026, 11, 21), until=date(2026, 11, 22))
    found = [json.loads(line)["uuid"] for line in text_of(chosen, Format.JSONL).splitlines()]
    assert found == [made["2026-11-21 00:00:00"], made["2026-11-22 23:59:59"]]


def test_one_participants_entries_and_nobody_elses(owner: Person, outsider: Person) -> None:
    mine = make_entry(by=owner.actor)
    make_entry(by=outsider.actor)
    make_entry()
    found = [
        json.loads(line)["uuid"] for line in text_of(Range(participant=owner.participant), Format.JSONL).splitlines()
    ]
    assert found == [str(mine.uuid)]


def test_an_export_is_recorded_before_its_first_line_is_read(owner: Person) -> None:
    make_entry(by=owner.actor)
    chosen = Range(since=date(2020, 1, 1), participant=owner.participant)
    export = export_audit(chosen, Format.CSV, by=BY)
    entry = AuditEntry.objects.get(action="access.audit.exported")
    assert entry.after == {"since": "2020-01-01", "until": None, "format": "csv", "entries": 1}
    assert entry.participant == owner.participant
    assert export.name.endswith(f"{entry.object_id[:8]}.csv")
    assert "exported" not in "".join(export.lines)


# --- the page ---------------------------------------------------------------------------------------------------


def test_an_officer_gets_the_file(officer: Person, owner: Person) -> None:
    make_entry(by=owner.actor)
    assert PAGE in officer.client.get("/admin/access/auditentry/").content.decode()
    answer: Any = officer.client.post(PAGE, {"format": "csv", "participant": str(owner.participant.uuid)})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    assert "no-store" in answer["Cache-Control"]
    [row] = rows_of(b"".join(answer.streaming_content).decode())
    assert row["by"] == owner.user.name
    assert AuditEntry.objects.get(action="access.audit.exported").actor_user == officer.user


@pytest.mark.parametrize(
    "given",
    [
        {"format": "xlsx"},
        {"format": "csv", "since": "2026-02-30"},
        {"format": "csv", "since": "0001-01-01"},
        {"format": "csv", "until": "9999-12-31"},
        {"format": "csv", "since": "2026-02-02", "until": "2026-02-01"},
        {"format": "csv", "participant": "nobody"},
    ],
)
def test_nonsense_exports_nothing(officer: Person, given: dict[str, str]) -> None:
    answer = officer.client.post(PAGE, given)
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
    assert not AuditEntry.objects.filter(action="access.audit.exported").exists()


def test_it_takes_a_permission_of_its_own(owner: Person) -> None:
    clerk = Person(make_user(email="clerk@operator.test", is_staff=True))
    clerk.user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    for person in (clerk, owner):
        assert person.client.post(PAGE, {"format": "csv"}, follow=True).status_code == 403
        assert person.client.get(PAGE, follow=True).status_code == 403
    assert PAGE not in clerk.client.get("/admin/access/auditentry/").content.decode()
    assert not AuditEntry.objects.filter(action="access.audit.exported").exists()


# --- the command ------------------------------------------------------------------------------------------------


def test_the_command_writes_a_file_that_nobody_else_reads(tmp_path: Path, owner: Person, capsys: Any) -> None:
    make_entry(by=owner.actor)
    link_entries()
    file = tmp_path / "audit.csv"
    words = ["--format", "csv", "--participant", owner.participant.formatted_cnpj, "--output", str(file)]
    call_command("export_audit", *words)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [row] = rows_of(file.read_bytes().decode())
    assert row["by"] == owner.user.name
    assert "1 entries; last link 1:" in capsys.readouterr().err
    # Never over a file that is there, and then nothing is recorded either.
    with pytest.raises(CommandError) as refused:
        call_command("export_audit", *words)
    assert refused.value.returncode == 2
    assert AuditEntry.objects.filter(action="access.audit.exported").count() == 1


def test_the_command_writes_lines_to_standard_output(capsys: Any) -> None:
    entry = make_entry()
    call_command("export_audit", "--since", "2020-01-01")
    assert json.loads(capsys.readouterr().out)["uuid"] == str(entry.uuid)


@pytest.mark.parametrize(
    "words",
    [
        ["--since", "yesterday"],
        ["--since", "2026-02-02", "--until", "2026-02-01"],
        ["--participant", "12.345.678/0001-95"],
        ["--output", "/nowhere/at/all"],
    ],
)
def test_bad_use_of_the_command_exports_nothing(words: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("export_audit", *words)
    assert not AuditEntry.objects.exists()
