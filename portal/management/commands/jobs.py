import signal
from types import FrameType
from typing import Any, NoReturn

from celery.beat import Service
from django.core.management.base import BaseCommand

from portal.celery import app
from portal.jobs import InProcessScheduler, sync_jobs


class Command(BaseCommand):
    help = "Run the periodic jobs in this process, for installations without a broker. Ends at SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        # A job may be cut off at any line; its transaction is rolled back and its next tick does it again.
        signal.signal(signal.SIGTERM, _leave)
        sync_jobs()
        app.loader.import_default_modules()
        app.finalize()
        Service(app, scheduler_cls=InProcessScheduler, max_interval=5).start()


def _leave(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
