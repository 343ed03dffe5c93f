from celery import shared_task

from access.audit_chain import link_entries


@shared_task(ignore_result=True)
def link_audit_entries() -> None:
    """Put new audit entries into the chain, each minute.

    Safe to run twice and by two beats at once; killed midway, the next run goes on where it stopped.
    """
    link_entries()
