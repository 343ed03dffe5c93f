from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.jobs import JOBS, sync_jobs


class Command(BaseCommand):
    help = "Write the periodic jobs into the database, where beat reads them. What operators changed stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        for change in sync_jobs(dry_run=options["dry_run"]):
            self.stdout.write(f"{change.name}: {change.what}")
        self.stdout.write(f"{len(JOBS)} periodic jobs" + (" wanted" if options["dry_run"] else " in place"))
