"""Events: something that happened, frozen."""

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Mode(models.TextChoices):
    LIVE = "live", _("Live")
    TEST = "test", _("Test")
    CERTIFICATION = "certification", _("Certification")


class Event(models.Model):
    """Something that happened at the operator, kept as it was: type, time, payload, and whose it is.

    Written once, in the transaction of the change it tells of, and never altered. The payload is text, not JSON of
    the database, because a reordered key would change what receivers are sent.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    type = models.CharField(_("type"), max_length=100)
    source = models.CharField(_("source"), max_length=200)
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("participant")
    )
    publication = models.ForeignKey(
        "catalog.Publication", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("publication")
    )
    subject = models.CharField(_("subject"), max_length=200)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)
    payload = models.TextField(_("payload"))
    schema_version = models.PositiveSmallIntegerField(_("schema version"), default=1)
    mode = models.CharField(_("mode"), max_length=20, choices=Mode, default=Mode.LIVE)
    dedupe_key = models.CharField(_("deduplication key"), max_length=200)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["source", "dedupe_key"], name="event_once_per_source"),
            models.UniqueConstraint(
                fields=["publication"],
                condition=Q(publication__isnull=False, mode=Mode.LIVE),
                name="event_once_per_publication",
            ),
            models.CheckConstraint(condition=Q(mode__in=Mode.values), name="event_mode_known"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.uuid}"
