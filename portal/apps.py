from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal import (
            celery,  # noqa: F401 (the tasks' application, for wake-ups from the web as well)
            checks,  # noqa: F401 (registers them)
            database,  # noqa: F401 (sets new connections up)
            slots,
            worker_life,  # noqa: F401 (hears Celery's signals)
        )

        slots.fill()
