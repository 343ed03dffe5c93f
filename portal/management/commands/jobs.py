import signal
from typing import Any

from celery.beat import Service
from django.core.management.base import BaseCommand

from portal.beat import leave
from portal.celery import app
from portal.jobs import InProcessScheduler, sync_jobs


class Command(BaseCommand):
    help = "Run the periodic jobs in this process, for installations without a broker. Ends at SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, leave)
        sync_jobs()
        app.loader.import_default_modules()
        app.finalize()
        Service(app, scheduler_cls=InProcessScheduler, max_interval=5).start()
