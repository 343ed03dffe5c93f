"""What operators may ask of the periodic jobs: a pause, its end, and a run now. Each is audited.

A run is not made by the page: it is asked for, and the next turn of the beat (5 s at most) takes it, in the process
that runs all jobs, with a broker as well as without.
"""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from access import audit
from access.actors import Actor
from access.errors import ActionError
from dispatch import clock

if TYPE_CHECKING:
    from portal.models import JobOrder


def ask_for_run(row: PeriodicTask, *, by: Actor) -> None:
    """Have a job run now, once, also while it is paused. Asked twice before it began, it runs once."""
    with transaction.atomic():
        order = _order(row)
        order.asked_at, order.asked_by = clock.now(), by.label[:200]
        order.save(update_fields=["asked_at", "asked_by"])
        audit.record(by=by, action="portal.job.asked", obj=order)


def pause_job(row: PeriodicTask, *, by: Actor) -> None:
    """Stop calling a job until it is resumed. Raises ActionError when it is paused already."""
    _switch(row, enabled=False, by=by)


def resume_job(row: PeriodicTask, *, by: Actor) -> None:
    """Call a job again as its schedule says. Raises ActionError when it is not paused."""
    _switch(row, enabled=True, by=by)


def take_asked() -> list[str]:
    """Return the tasks whose run was asked for, and take them: whoever calls runs them. Of two callers, one gets each.

    A process that dies between this and the run loses the request: the operator sees that no run ended.
    """
    from portal.models import JobOrder  # noqa: PLC0415 (Celery's application comes before Django's models)

    asked = list(JobOrder.objects.filter(asked_at__isnull=False).values_list("pk", "task", "asked_at"))
    taken = JobOrder.objects.filter(asked_at__isnull=False)
    return [task for pk, task, at in asked if taken.filter(pk=pk, asked_at=at).update(asked_at=None)]


def _switch(row: PeriodicTask, *, enabled: bool, by: Actor) -> None:
    with transaction.atomic():
        order = _order(row)
        locked = PeriodicTask.objects.select_for_update().get(pk=row.pk)
        if locked.enabled == enabled:
            message = _("This job is not paused.") if enabled else _("This job is paused already.")
            raise ActionError("job_state", message)
        locked.enabled = enabled
        # Its signal tells the beats to read the rows again.
        locked.save()
        order.paused_at, order.paused_by = (None, "") if enabled else (clock.now(), by.label[:200])
        order.save(update_fields=["paused_at", "paused_by"])
        verb = "resumed" if enabled else "paused"
        audit.record(
            by=by, action=f"portal.job.{verb}", obj=order, before={"paused": enabled}, after={"paused": not enabled}
        )


def _order(row: PeriodicTask) -> "JobOrder":
    from portal.models import JobOrder  # noqa: PLC0415 (as above)

    return JobOrder.objects.get_or_create(task=row.task)[0]
