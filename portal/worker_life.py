"""What happens when a Celery worker starts, works and is told to stop."""

from typing import Any

import structlog
from celery import signals
from django.db import close_old_connections

from dispatch.broker import DRAIN
from dispatch.drains import finish_drains
from dispatch.garbage import spare_what_stays
from dispatch.stop_sign import stop_sign
from portal.checks import stop_without_broker

log = structlog.get_logger(__name__)


@signals.setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Nothing: that somebody hears this signal keeps Celery's own log lines in the portal's form."""


@signals.worker_init.connect
def start_worker(**kwargs: Any) -> None:
    """Refuse what the checks refuse, which Celery runs and does not look at."""
    stop_without_broker()
    # Before the first child is forked: all of them look at this one, and share the memory of what stays.
    stop_sign.set_up()
    spare_what_stays()


@signals.worker_shutting_down.connect
def stop_drains(**kwargs: Any) -> None:
    """In the worker's first process: its children's drains claim nothing more and finish what is in flight."""
    stop_sign.give()


@signals.worker_process_shutdown.connect
@signals.worker_shutdown.connect
def finish(**kwargs: Any) -> None:
    """In each process of the worker, the last thing: no answer that is still to come is left unread."""
    finish_drains()


@signals.task_prerun.connect
def renew_connection(**kwargs: Any) -> None:
    """Drop a database connection that is too old or broken. The Django fixup would close a good one as well."""
    close_old_connections()


@signals.task_success.connect
def tell_of_job(sender: Any, **kwargs: Any) -> None:
    """One line for each job done; drains come each second and tell of themselves only when something is wrong."""
    if sender.name != DRAIN:
        log.info("job done", job=sender.name)
