"""What both gunicorns share: threads, one form of log lines, and an end within bounds."""

import os

from portal.environment import load_settings
from portal.gunicorn_logger import ACCESS_FORMAT

# Here, in the first process: a missing setting then ends it at once, with one line, before any worker is started.
load_settings()

host = os.environ.get("PORTAL_BIND", "127.0.0.1")
port = int(os.environ.get("PORT", "8000"))
worker_class = "gthread"
logger_class = "portal.gunicorn_logger.PortalLogger"
accesslog = "-"
access_log_format = ACCESS_FORMAT
# In-flight requests may end; the supervisor kills what is still there a few seconds later.
graceful_timeout = 8
timeout = 60
keepalive = 15
control_socket_disable = True
