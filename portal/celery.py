"""The Celery application: it knows the tasks. Without a broker nothing is ever queued here (see portal/jobs.py).

With one: `celery -A portal worker` drains and runs jobs, `celery -A portal beat` ticks
(portal/worker_life.py: what happens at their starts and ends).
"""

from functools import cached_property
from typing import Any

from celery import Celery

from portal.environment import load_settings

load_settings()


class PortalCelery(Celery):
    @cached_property
    def Beat(self) -> Any:  # noqa: N802 (Celery's name)
        from portal.beat import SteadyBeat  # noqa: PLC0415 (a worker needs none)

        return self.subclass_with_self(SteadyBeat, name="Beat", reverse="Beat")


# Each run of a periodic job leaves a row, here and in a worker.
app = PortalCelery("gancho", task_cls="portal.job_runs:NotedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# For every thread: the tasks of the apps, and the wake-ups, find their application by this.
app.set_default()
