"""Numbers that outlive the rows they were counted from."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Tally(models.Model):
    """A number that jobs carry on from one run to the next: how many attempts ended how, counted before the purge
    removes their rows, and how far a pass over a big table has come."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    value = models.BigIntegerField(_("value"), default=0)
    at = models.DateTimeField(_("time"), null=True, blank=True)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
