"""WSGI entry point of the download workers: `gunicorn -c python:portal.gunicorn_downloads portal.download_wsgi`."""

import os

import django
from django.core.wsgi import get_wsgi_application

from portal.environment import load_settings

# Set, not defaulted: a supervisor hands its children the settings of the portal.
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.download_settings"
load_settings()
django.setup()

from portal.checks import stop_on_errors  # noqa: E402 (the settings come first)

stop_on_errors()
application = get_wsgi_application()
