"""What the portal itself keeps: when its jobs last ran, and what operators asked of them."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobRun(models.Model):
    """The last run of one periodic job, wherever it ran. Written when a run ends: a job that hangs grows old."""

    task = models.CharField(_("task"), max_length=200, unique=True)
    ended_at = models.DateTimeField(_("ended at"))
    succeeded = models.BooleanField(_("succeeded"), default=True)
    seconds = models.FloatField(_("duration in seconds"), default=0)
    # How many things it dealt with, where it says so. The database's own default too: older processes still write.
    done = models.PositiveIntegerField(_("done"), null=True, blank=True)
    # The kind of error, never its message: that may quote an address or a value.
    error = models.CharField(_("error"), max_length=100, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("run of a job")
        verbose_name_plural = _("runs of jobs")

    def __str__(self) -> str:
        return self.task


class JobOrder(models.Model):
    """What operators asked of one periodic job: a run now, which the next beat takes, or a pause, and who did."""

    task = models.CharField(_("task"), max_length=200, unique=True)
    asked_at = models.DateTimeField(_("asked at"), null=True, blank=True)
    asked_by = models.CharField(_("asked by"), max_length=200, blank=True, default="")
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True)
    paused_by = models.CharField(_("paused by"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("operations")
        verbose_name_plural = _("operations")
        default_permissions = ()
        permissions: ClassVar = [
            ("view_operations", _("Can see the overview of operations")),
            ("manage_jobs", _("Can pause, resume and run periodic jobs")),
            ("see_as_participant", _("Can see what a participant's viewer sees")),
        ]

    def __str__(self) -> str:
        return self.task
