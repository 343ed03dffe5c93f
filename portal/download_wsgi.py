"""WSGI entry point of the download workers: `gunicorn -c python:portal.gunicorn_downloads portal.download_wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

# Set, not defaulted: a supervisor hands its children the settings of the portal.
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.download_settings"
application = get_wsgi_application()
