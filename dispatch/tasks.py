from celery import shared_task

from dispatch import failing, probing, watching
from dispatch.drains import run_drain


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
def stop_failing_webhooks() -> None:
    """Stop the webhooks that have failed everything for days. Safe to run twice and at once: each is stopped once, in a
    transaction of its own; dying midway leaves the others to the next run."""
    failing.stop_failing()


@shared_task(ignore_result=True)
def probe_stopped_webhooks() -> None:
    """Ask stopped webhooks whose time has come whether they are back. Safe to run twice and at once: each is asked by
    one run; one that dies midway leaves its webhooks to their next time."""
    probing.probe_stopped()
