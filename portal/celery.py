"""The Celery application: it knows the tasks. Without a broker nothing is ever queued here (see portal/jobs.py).

With one: `celery -A portal worker` drains and runs jobs, `celery -A portal beat` ticks
(portal/worker_life.py: what happens at their starts and ends).
"""

from celery import Celery

from portal.environment import load_settings

load_settings()

# Each run of a periodic job leaves a row, here and in a worker.
app = Celery("gancho", task_cls="portal.job_runs:NotedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# For every thread: the tasks of the apps, and the wake-ups, find their application by this.
app.set_default()
