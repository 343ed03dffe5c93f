"""The audit trail as a file: for an auditor's spreadsheet (CSV), or line by line for programs (JSON)."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access import audit
from access.actors import Actor
from access.models import AuditEntry, Participant

CHUNK = 1_000
# Days that may be asked for: at the ends of the calendar there is no midnight in another zone, and no day after.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
COLUMNS = (
    "position",
    "recorded_at",
    "action",
    "source",
    "by",
    "by_user",
    "participant",
    "cnpj",
    "object_type",
    "object_id",
    "object",
    "before",
    "after",
    "request_id",
    "address",
    "emptied",
    "uuid",
)
# With these a spreadsheet begins a formula (OWASP, "CSV Injection"); it takes the wide ones of East Asia for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Where one that was told another separator, as it is where a comma stands in numbers, begins a cell of its own.
_INSIDE = re.compile(r'([;,|\t\r\n]["\s]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])')


class Format(models.TextChoices):
    CSV = "csv", _("CSV, for spreadsheets")
    JSONL = "jsonl", _("JSON, an entry a line")

    @property
    def content_type(self) -> str:
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/x-ndjson"


@dataclass(frozen=True)
class Range:
    """Which entries: of these days, both included, in the portal's time zone; of one participant. None: of all."""

    since: date | None = None
    until: date | None = None
    participant: Participant | None = None

    def entries(self) -> QuerySet[AuditEntry]:
        found = AuditEntry.objects.select_related("participant", "actor_user", "link", "redaction").order_by("pk")
        if self.since:
            found = found.filter(recorded_at__gte=_midnight(self.since))
        if self.until:
            found = found.filter(recorded_at__lt=_midnight(self.until + timedelta(days=1)))
        return found.filter(participant=self.participant) if self.participant else found


@dataclass(frozen=True)
class Export:
    """A file to be written: its name, how many entries, and its lines, read as they are asked for."""

    name: str
    count: int
    lines: Iterator[str]


def export_audit(chosen: Range, kind: Format, *, by: Actor) -> Export:
    """Record that the trail is exported, and return the file. It ends with the entry before that record."""
    mark = AuditEntry(action="access.audit.exported")
    with transaction.atomic():
        count = chosen.entries().count()
        after = {"since": chosen.since, "until": chosen.until, "format": kind, "entries": count}
        entry = audit.record(by=by, action=mark.action, obj=mark, participant=chosen.participant, after=after)
    entries = chosen.entries().filter(pk__lt=entry.pk)
    write = _csv_lines if kind is Format.CSV else _json_lines
    return Export(f"audit-{entry.recorded_at:%Y-%m-%d}-{str(mark.uuid)[:8]}.{kind.value}", count, write(entries))


def escape_formula(text: str) -> str:
    """Return `text` so that no spreadsheet takes any of it for a formula, whatever it splits it at: with an apostrophe
    before what would begin one, which it shows."""
    inside = _INSIDE.sub(r"\1'", text)
    return f"'{inside}" if text.startswith(_FORMULA) else inside


def _csv_lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    # The mark by which a spreadsheet knows UTF-8.
    yield "\ufeff" + _csv_line(COLUMNS)
    for entry in _walk(entries):
        yield _csv_line([_cell(value) for value in _values(entry).values()])


def _csv_line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
    return "" if value is None else escape_formula(str(value))


def _json_lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    for entry in _walk(entries):
        yield json.dumps(_values(entry), ensure_ascii=False) + "\n"


def _walk(entries: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    """By primary key, chunk by chunk: no cursor and no snapshot is held while a slow reader takes the file."""
    page = list(entries[:CHUNK])
    while page:
        yield from page
        page = list(entries.filter(pk__gt=page[-1].pk)[:CHUNK])


def _values(entry: AuditEntry) -> dict[str, Any]:
    link, participant, user = getattr(entry, "link", None), entry.participant, entry.actor_user
    values = (
        link.position if link else None,
        entry.recorded_at.isoformat(),
        entry.action,
        entry.actor_source,
        entry.actor_label,
        str(user.uuid) if user else None,
        participant.name if participant else None,
        participant.formatted_cnpj if participant else None,
        entry.object_type,
        entry.object_id,
        entry.object_label,
        entry.before,
        entry.after,
        entry.request_id,
        entry.address,
        hasattr(entry, "redaction"),
        str(entry.uuid),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
