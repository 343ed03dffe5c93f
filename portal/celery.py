"""The Celery application: it knows the tasks. Without a broker nothing is ever queued here (see portal/jobs.py)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("gancho")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
