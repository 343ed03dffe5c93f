"""What both gunicorns share: threads, one form of log lines, and an end within bounds."""

import os
from typing import Any

from dispatch.garbage import spare_what_stays
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


def post_worker_init(_worker: Any) -> None:
    """Gunicorn's hook, in each worker once it has loaded the portal: no page waits for a look through all of that."""
    spare_what_stays()
