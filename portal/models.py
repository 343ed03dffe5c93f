"""What the portal itself keeps: when its jobs last ran."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobRun(models.Model):
    """The last run of one periodic job, wherever it ran. Written when a run ends: a job that hangs grows old."""

    task = models.CharField(_("task"), max_length=200, unique=True)
    ended_at = models.DateTimeField(_("ended at"))
    succeeded = models.BooleanField(_("succeeded"), default=True)
    seconds = models.FloatField(_("duration in seconds"), default=0)

    class Meta:
        verbose_name = _("run of a job")
        verbose_name_plural = _("runs of jobs")

    def __str__(self) -> str:
        return self.task
