"""The Celery app of a plain project, as Celery's page on Django has it."""

from celery import Celery

app = Celery("baselines")
app.config_from_object("django.conf:settings", namespace="CELERY")
