"""Settings of the download workers: the portal's own, with nothing in front of a download that it doesn't need.

No session, no login, no language, no cookie: a signed link is all that counts here (ONS-19).
"""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "portal.download_urls"
WSGI_APPLICATION = "portal.download_wsgi.application"
INSTALLED_APPS = ["catalog", "access", "vault", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = [
    "access.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
]
