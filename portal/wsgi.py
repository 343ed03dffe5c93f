"""WSGI entry point, served by gunicorn."""

import django
from django.core.wsgi import get_wsgi_application

from portal.environment import load_settings

load_settings()
django.setup()

from portal.checks import stop_on_errors  # noqa: E402 (the settings come first)

stop_on_errors()
application = get_wsgi_application()
