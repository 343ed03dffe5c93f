"""Gunicorn for the pages: `gunicorn -c python:portal.gunicorn_web portal.wsgi`."""

import os

from portal.gunicorn_base import *  # noqa: F403
from portal.gunicorn_base import host, port

bind = f"{host}:{port}"
workers = int(os.environ.get("PORTAL_WEB_WORKERS", "2"))
threads = int(os.environ.get("PORTAL_WEB_THREADS", "8"))
