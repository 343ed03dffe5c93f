"""`manage.py purge`: what the job does a little of each minute, all at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from dispatch import retention


class Command(BaseCommand):
    help = (
        "Remove notifications and bodies that are older than PORTAL_KEEP_DELIVERIES_DAYS and PORTAL_KEEP_BODIES_DAYS "
        "say. A job does so every minute; this goes on until nothing is left to remove."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count what would be removed, remove nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self.stdout.write(f"dry run: {_words(retention.count_old())} would be removed")
            return
        totals, unfinished = dict.fromkeys(retention.KINDS, 0), True
        while unfinished:
            purged = retention.purge()
            totals = {kind: totals[kind] + purged.removed[kind] for kind in totals}
            unfinished = purged.unfinished
            self.stderr.write(_words(totals))
        self.stdout.write(f"{_words(totals)} removed")


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())
