import structlog
from celery import shared_task

from dispatch import failing, probing, retention, tallies, watching
from dispatch.drains import run_drain

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def drain() -> None:
    """Send what is due, for PORTAL_DISPATCH_DRAIN_SECONDS at most; then ask for a successor if something still is.

    Safe beside any number of drains and dispatchers. Killed at any line, its leases run out and others send the rest.
    """
    run_drain()


@shared_task(ignore_result=True)
def watch_sending() -> None:
    """Tell the operators when nobody sends or notifications go out late, and when that is over. Safe to run twice and
    at once; dying midway leaves the rest to the next look."""
    watching.watch()


@shared_task(ignore_result=True)
def stop_failing_webhooks() -> int:
    """Stop the webhooks that have failed everything for days. Safe to run twice and at once: each is stopped once, in a
    transaction of its own; dying midway leaves the others to the next run."""
    return failing.stop_failing()


@shared_task(ignore_result=True)
def probe_stopped_webhooks() -> int:
    """Ask stopped webhooks whose time has come whether they are back. Safe to run twice and at once: each is asked by
    one run; one that dies midway leaves its webhooks to their next time."""
    return probing.probe_stopped()


@shared_task(ignore_result=True)
def count_attempts() -> int:
    """Carry on the totals of attempts, for the metrics. Safe to run twice and at once: they queue up. Killed midway,
    the step was not made and the next run makes it."""
    return tallies.carry_on()


@shared_task(ignore_result=True)
def remove_old_deliveries() -> int:
    """Remove bodies, deliveries with their attempts, and events that are too old, a bounded number each time.

    Safe to run twice and at once. Killed at any line, the next run goes on after the last whole chunk.
    """
    removed = retention.purge().removed
    if any(removed.values()):
        log.info("old notifications removed", **removed)
    return sum(removed.values())
