"""WSGI entry point, served by gunicorn."""

from django.core.wsgi import get_wsgi_application

from portal.environment import load_settings

load_settings()
application = get_wsgi_application()

from portal.checks import stop_on_errors  # noqa: E402 (the checks of other apps are known only now)

stop_on_errors()
