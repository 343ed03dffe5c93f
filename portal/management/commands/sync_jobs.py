from typing import Any

from django.core.management.base import BaseCommand

from portal.jobs import JOBS, sync_jobs


class Command(BaseCommand):
    help = "Write the periodic jobs into the database, where beat reads them. Paused jobs stay paused."

    def handle(self, *args: Any, **options: Any) -> None:
        sync_jobs()
        self.stdout.write(f"{len(JOBS)} periodic jobs in place")
