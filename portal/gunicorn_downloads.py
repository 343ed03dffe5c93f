"""Gunicorn for signed downloads alone: `gunicorn -c python:portal.gunicorn_downloads portal.download_wsgi`.

Receivers fetch files while their POST is still open, a thousand at once after a publication; here they wait for each
other, and never for a person's page or the other way round.
"""

import os

# Before anything reads the settings, and the logger of the next line does: else this would serve the whole portal.
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.download_settings"

from portal.gunicorn_base import *  # noqa: F403
from portal.gunicorn_base import host, port

bind = f"{host}:{os.environ.get('PORTAL_DOWNLOAD_PORT', port + 2)}"
workers = int(os.environ.get("PORTAL_DOWNLOAD_WORKERS", "1"))
threads = int(os.environ.get("PORTAL_DOWNLOAD_THREADS", "32"))
