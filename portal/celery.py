"""The Celery application: it knows the tasks. Without a broker nothing is ever queued here (see portal/jobs.py)."""

from celery import Celery

from portal.environment import load_settings

load_settings()

app = Celery("gancho")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
