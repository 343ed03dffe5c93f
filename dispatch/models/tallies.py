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


class WebhookDay(models.Model):
    """How many attempts of one webhook came to what on one day, in the portal's time zone: what lists draw, however
    many attempts there were. Live events only; lost and handed back attempts are none of the receiver's."""

    webhook = models.ForeignKey("webhooks.Webhook", models.PROTECT, db_index=False, related_name="+")
    day = models.DateField()
    delivered = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "day"], name="webhook_day_once")]
        # The purge: what is too old.
        indexes = [models.Index(fields=["day"], name="webhook_day_day")]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.day}: {self.delivered}, {self.failed}"


class AttemptMinute(models.Model):
    """How many attempts began in one minute and what came of them: what the operations overview draws. Attempts that
    were handed back are none; lost ones count with those that are tried again."""

    minute = models.DateTimeField(unique=True)
    delivered = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}: {self.delivered}, {self.retried}, {self.failed}"
