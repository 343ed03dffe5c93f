"""Gunicorn's log lines in the portal's own form: no headers, no query strings, no tokens of links."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from gunicorn.config import Config
from gunicorn.glogging import Logger

from portal.environment import PRODUCTION
from portal.logging import build_formatter, mask_text

ACCESS_FORMAT = "%(h)s %(m)s %(U)s %(s)s %(B)s bytes %(M)s ms %({x-request-id}o)s"


class PortalLogger(Logger):
    """Gunicorn's logger with our formatter and with masked addresses in the access log."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        formatter = build_formatter(readable=settings.PORTAL_ENVIRONMENT != PRODUCTION)
        for handler in [*self.error_log.handlers, *self.access_log.handlers]:
            handler.setFormatter(formatter)

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """What the access log may name. The raw request line, the query and the referrer are not among it."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        return atoms | {"U": mask_text(atoms["U"] or ""), "r": atoms["m"], "q": "", "f": ""}
