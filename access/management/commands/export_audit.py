import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import nullcontext
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.actors import Actor
from access.audit_export import FIRST_DAY, LAST_DAY, Export, Format, Range, export_audit
from access.models import AuditLink, Participant

BAD_USE = 2


class Command(BaseCommand):
    help = (
        "Write the audit trail to a file or to standard output, as CSV or as JSON lines. That is recorded too. "
        "The last link of the chain goes to standard error: keep it, verify_audit --kept checks it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=Format.values, default=Format.JSONL.value)
        parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="first day, in the portal's time zone")
        parser.add_argument("--until", type=_day, metavar="YYYY-MM-DD", help="last day")
        parser.add_argument("--participant", default="", metavar="CNPJ", help="or its identifier")
        parser.add_argument("--output", metavar="FILE", help="made anew, readable by nobody else")

    def handle(self, **options: Any) -> None:
        chosen = Range(options["since"], options["until"], _find(options["participant"]))
        if chosen.since and chosen.until and chosen.since > chosen.until:
            raise CommandError("--since is after --until", returncode=BAD_USE)
        # Opened first: an export that can't be written is none.
        with _open(options["output"]) as file:
            export = export_audit(chosen, Format(options["format"]), by=Actor.system("export_audit command"))
            file.writelines(export.lines)
        self._report(export)

    def _report(self, export: Export) -> None:
        head = AuditLink.objects.order_by("position").last()
        self.stderr.write(f"{export.count} entries; last link {head.position}:{head.mac}" if head else "no links yet")


def _open(path: str | None) -> Any:
    if path is None:
        return nullcontext(sys.stdout)
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", returncode=BAD_USE) from None


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ArgumentTypeError(f"{text!r} is not between {FIRST_DAY} and {LAST_DAY}")
    return day


def _find(text: str) -> Participant | None:
    if not text:
        return None
    found = Participant.objects.named(text)
    if found is None:
        raise CommandError("there is no such participant", returncode=BAD_USE)
    return found
