"""Noting when each periodic job last ran: read by the health page and the metrics.

Not django-celery-beat's own column, which says when a job was sent, and is written every three minutes.
"""

import time
from contextlib import suppress
from datetime import datetime
from typing import Any

from celery import Task
from django.db import DatabaseError, InterfaceError


class NotedTask(Task):
    """The base of all tasks: a run of a periodic job leaves a row, in a worker as well as in `manage.py jobs`."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from portal.jobs import JOBS  # noqa: PLC0415 (Celery's application comes before Django's)

        if self.name not in {job.task for job in JOBS}:
            return super().__call__(*args, **kwargs)
        started, result, error = time.monotonic(), None, "interrupted"
        try:
            result = super().__call__(*args, **kwargs)
            error = ""
        except Exception as failure:
            error = type(failure).__name__
            raise
        finally:
            note(self.name, error=error, seconds=time.monotonic() - started, result=result)
        return result


def note(task: str, *, error: str, seconds: float, result: Any = None) -> None:
    """Keep the end of a run: `error` the kind of its failure or empty, `result` what the task returned, kept when it is
    a number. A database that is away must not turn a good run into a failed one."""
    from dispatch import clock  # noqa: PLC0415 (as above)
    from portal.models import JobRun  # noqa: PLC0415

    with suppress(DatabaseError, InterfaceError):
        values = {"ended_at": clock.now(), "succeeded": not error, "seconds": seconds, "error": error[:100]}
        values["done"] = result if isinstance(result, int) and not isinstance(result, bool) else None
        JobRun.objects.update_or_create(task=task, defaults=values)


def last_run_at() -> datetime | None:
    """Return when any job last came to its end, None when none ever has."""
    from portal.models import JobRun  # noqa: PLC0415

    return JobRun.objects.order_by("-ended_at").values_list("ended_at", flat=True).first()
