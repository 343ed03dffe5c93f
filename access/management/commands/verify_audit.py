from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from access.audit_chain import Verdict, find_kept_problem, verify_chain
from access.models import AuditLink


class Command(BaseCommand):
    help = (
        "Check the audit trail against its chain and name the first bad or missing row. Exit code 1 when there is one. "
        "A tail that was cut off shows only against a link kept elsewhere: print it with --head, check it with --kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--head", action="store_true", help="only print the last link as POSITION:CODE")
        parser.add_argument("--kept", metavar="POSITION:CODE", help="a link printed by --head before")

    def handle(self, *, head: bool, kept: str | None, **options: Any) -> None:
        if head:
            self.stdout.write(_head_text(AuditLink.objects.order_by("position").last()))
            return
        kept_problem = find_kept_problem(*_parse_kept(kept)) if kept else ""
        verdict = verify_chain()
        self._report(verdict)
        for problem in filter(None, (verdict.problem, kept_problem)):
            self.stderr.write(self.style.ERROR(problem))
        if verdict.problem or kept_problem:
            raise CommandError("the audit trail is not intact", returncode=1)

    def _report(self, verdict: Verdict) -> None:
        self.stdout.write(f"links verified: {verdict.verified}")
        self.stdout.write(f"last link: {_head_text(verdict.head)}")
        if verdict.redacted:
            self.stdout.write(f"entries emptied by an erasure: {verdict.redacted}")
        self.stdout.write(f"entries not linked yet: {verdict.unlinked}")
        if verdict.oldest_unlinked_at:
            age = (timezone.now() - verdict.oldest_unlinked_at).total_seconds()
            self.stdout.write(f"oldest of them: {max(0, round(age))} s")


def _head_text(link: AuditLink | None) -> str:
    return f"{link.position}:{link.mac}" if link else "none"


def _parse_kept(text: str) -> tuple[int, str]:
    position, colon, mac = text.partition(":")
    if not colon or not position.isdecimal():
        raise CommandError(f"--kept is POSITION:CODE, as --head prints it, not {text!r}", returncode=2)
    return int(position), mac.strip()
