"""Settings of the download workers: the portal's own, with nothing in front of a download that it doesn't need.

No session, no login, no language, no cookie: a signed link is all that counts here (ONS-19).
"""

from portal.settings import *  # noqa: F403
from portal.settings import SILENCED_SYSTEM_CHECKS as PORTALS_SILENCED

ROOT_URLCONF = "portal.download_urls"
WSGI_APPLICATION = "portal.download_wsgi.application"
INSTALLED_APPS = ["catalog", "access", "vault", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = [
    "access.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
]
# Both ask for middleware that guards pages and forms: here are files to keep and plain words, no cookie and no POST.
SILENCED_SYSTEM_CHECKS = [*PORTALS_SILENCED, "security.W002", "security.W003"]
