"""django-webhook from PyPI, set up as its documentation says."""

from bench.baselines.settings import *  # noqa: F403
from bench.baselines.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_webhook"]
DJANGO_WEBHOOK = {"MODELS": ["baselines.Announcement"]}
CELERY_IMPORTS = ["django_webhook.tasks"]
