from celery import shared_task
from django.core.management import call_command

from access.audit_chain import link_entries
from access.sessions import remove_old_sessions


@shared_task(ignore_result=True)
def link_audit_entries() -> int:
    """Put new audit entries into the chain, each minute.

    Safe to run twice and by two beats at once; killed midway, the next run goes on where it stopped.
    """
    return link_entries()


@shared_task(ignore_result=True)
def remove_expired_sessions() -> None:
    """Remove the sessions that ended by time, each hour. Safe to run twice; killed midway, the rest goes next time."""
    call_command("clearsessions")
    remove_old_sessions()
