"""What the logs look like, and what they never hold.

One line of JSON per event in production, readable lines elsewhere. Every line of a request carries its id. Tokens of
download links, keys for a new password, query strings and credentials inside addresses are cut out of whatever text
arrives here, also out of tracebacks and out of what other libraries say: this is the last place before the file.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

from access import request_context

MASK = "***"
SECRET_NAMES = re.compile(
    r"authorization|password|passwd|secret|token|cookie|api_?key|private_key|credential", re.IGNORECASE
)
_CUTS = (
    (re.compile(r"(/d/)[^\s/?#\"'<>]+"), rf"\1{MASK}"),
    # Whoever reads the key of a forgotten password before its owner uses it sets the password himself.
    (re.compile(r"(/password/reset/key/)[^\s/?#\"'<>]+"), rf"\1{MASK}"),
    # Of receivers, and of the database and the broker as well.
    (re.compile(r"(\b[a-z][a-z0-9+]{1,20}://)[^\s/@\"'<>]+@"), rf"\1{MASK}@"),
    (re.compile(r"((?:\bhttps?:/)?/[^\s?\"'<>]*)\?[^\s\"'<>]+"), rf"\1?{MASK}"),
)

Event = MutableMapping[str, Any]


def mask_text(text: str) -> str:
    """Return `text` without link tokens, query strings and user names or passwords in addresses."""
    for pattern, replacement in _CUTS:
        text = pattern.sub(replacement, text)
    return text


def add_request_id(logger: Any, method: str, event: Event) -> Event:
    """Name the request that a line belongs to; lines of commands and jobs have none."""
    if identifier := request_context.request_id.get():
        event.setdefault("request_id", identifier)
    return event


def mask_event(logger: Any, method: str, event: Event) -> Event:
    """Mask every text of an event, and whatever stands under a name that sounds like a secret."""
    for name, value in event.items():
        event[name] = MASK if SECRET_NAMES.search(name) else _masked(value)
    return event


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if isinstance(value, Mapping):
        return {key: MASK if SECRET_NAMES.search(str(key)) else _masked(item) for key, item in value.items()}
    return value


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_request_id,
]


def build_formatter(*, readable: bool) -> ProcessorFormatter:
    """The formatter of every handler: ours, Django's and gunicorn's lines look alike."""
    last = (
        structlog.dev.ConsoleRenderer(colors=False)
        if readable
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_event,
            last,
        ],
    )


def configure_structlog() -> None:
    """Send structlog's events through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def build_logging(*, readable: bool, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: one handler, to standard error, for everything."""
    configure_structlog()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": build_formatter, "readable": readable}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers (console, mail to admins) would print the same line a second time.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # 404 and friends: the access log has them, with their status.
            "django.request": {"level": "ERROR"},
            # A line when a task arrives and one when it ends, each second: portal/worker_life.py tells what jobs did.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
