"""Attempts: one try each, at most one POST."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    OPEN = "", _("In progress")
    ANSWERED = "answered", _("Answered")
    NO_ANSWER = "no_answer", _("No answer")
    NOT_SENT = "not_sent", _("Not sent")
    UNKNOWN = "unknown", _("Unknown: the worker was lost")
    HANDED_BACK = "handed_back", _("Handed back before it started")


class Attempt(models.Model):
    """One try of a delivery and what came back, with every secret masked before it is stored.

    The row is written by the claim, before the POST: a request that a receiver saw always has its attempt, even when
    the worker is killed a moment later. Such a row is closed as unknown by the next claim.
    """

    # The references have no indexes of their own: `attempt_number_once` and `attempt_webhook_slot` begin with them, and
    # nobody looks for the attempts of a version. The record then changes no indexed column.
    delivery = models.ForeignKey(
        "dispatch.Delivery", models.PROTECT, db_index=False, related_name="attempts", verbose_name=_("delivery")
    )
    webhook = models.ForeignKey(
        "webhooks.Webhook", models.PROTECT, db_index=False, related_name="+", verbose_name=_("webhook")
    )
    webhook_version = models.ForeignKey(
        "webhooks.WebhookVersion",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("webhook version"),
    )
    number = models.PositiveIntegerField(_("number"))
    lease_token = models.UUIDField(_("lease token"))
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome, blank=True, default=Outcome.OPEN)
    counted = models.BooleanField(_("counted"), default=True)
    succeeded = models.BooleanField(_("succeeded"), default=False)
    slot_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    url = models.TextField(_("address"), blank=True, default="")
    request_headers = models.JSONField(_("request headers"), default=list, blank=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    response_headers = models.JSONField(_("response headers"), default=list, blank=True)
    response_body = models.TextField(_("response excerpt"), blank=True, default="")
    answer_cut = models.BooleanField(_("answer cut"), default=False)
    diagnosis = models.CharField(_("diagnosis"), max_length=60, blank=True, default="")
    detail = models.CharField(_("detail"), max_length=300, blank=True, default="")
    remote_address = models.CharField(_("remote address"), max_length=64, blank=True, default="")
    private = models.BooleanField(_("private network"), default=False)
    duration_ms = models.PositiveIntegerField(_("duration in ms"), null=True, blank=True)
    timing = models.JSONField(_("timing in ms"), default=dict, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number_once"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="attempt_outcome_known"),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.OPEN, finished_at__isnull=True)
                | (~Q(outcome=Outcome.OPEN) & Q(finished_at__isnull=False)),
                name="attempt_finished_only_when_closed",
            ),
            models.CheckConstraint(
                condition=Q(counted=False) | ~Q(outcome__in=[Outcome.UNKNOWN, Outcome.HANDED_BACK]),
                name="attempt_lost_ones_not_counted",
            ),
        ]
        indexes = [
            # Rate limit: the n-th last start of a webhook; pages: a webhook's attempts over time.
            models.Index(F("webhook"), F("slot_at").desc(), name="attempt_webhook_slot"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id}/{self.number}"
