"""WSGI entry point of the download workers: `gunicorn -c python:portal.gunicorn_downloads portal.download_wsgi`."""

import os

import django
from django.core.wsgi import get_wsgi_application

from portal.environment import load_settings

# Set, not defaulted: a supervisor hands its children the settings of the portal.
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.download_settings"
load_settings()
django.setup()

from access import slots  # noqa: E402 (the settings come first)
from portal.checks import stop_on_errors  # noqa: E402
from portal.download_links import link_holds  # noqa: E402

stop_on_errors()
# The portal fills it as its app starts, which is none of theirs: unfilled, a block would end no link.
slots.fill("link_holds", link_holds)
application = get_wsgi_application()
