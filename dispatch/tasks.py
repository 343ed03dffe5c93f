from celery import shared_task

from dispatch.drains import run_drain


@shared_task(ignore_result=True)
def drain() -> None:
    """Send what is due, for PORTAL_DISPATCH_DRAIN_SECONDS at most; then ask for a successor if something still is.

    Safe beside any number of drains and dispatchers. Killed at any line, its leases run out and others send the rest.
    """
    run_drain()
