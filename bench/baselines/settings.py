"""A plain project: Django's and Celery's defaults, PostgreSQL, Redis as broker."""

import os

import environ

DATABASES = {"default": environ.Env.db_url_config(os.environ["DATABASE_URL"])}
INSTALLED_APPS = ["bench.baselines", "django.contrib.contenttypes", "django.contrib.auth"]
SECRET_KEY = "only-for-measuring"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_IMPORTS = ["bench.baselines.naive"]
