"""Deliveries: one event for one webhook, from waiting to an end."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dispatch.errors import TransitionRefused
from dispatch.querysets import DeliveryQuerySet


class Cause(models.TextChoices):
    AUTOMATIC = "automatic", _("Automatic")
    ENVIAR = "enviar", _("Send")
    ENVIAR_TUDO = "enviar_tudo", _("Send all")
    REENVIAR = "reenviar", _("Resend pending")


class State(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    HELD = "held", _("Held")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Reason(models.TextChoices):
    EXHAUSTED = "exhausted", _("Attempts exhausted")
    GONE = "gone", _("Address gone (410)")
    CONFIGURATION = "configuration", _("Configuration")
    LOST_WORKER = "lost_worker", _("Lost by the worker")
    SUPERSEDED = "superseded", _("Superseded by a newer sending")
    STOPPED_BY_USER = "stopped_by_user", _("Stopped by a user")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    WITHDRAWN = "withdrawn", _("Publication withdrawn")
    ARCHIVED = "archived", _("Webhook archived")
    WEBHOOK_INACTIVE = "webhook_inactive", _("Webhook inactive")
    WEBHOOK_STOPPED = "webhook_stopped", _("Webhook stopped")
    PARTICIPANT_BLOCKED = "participant_blocked", _("Participant blocked")


REASONS: dict[str, tuple[str, ...]] = {
    State.WAITING: ("",),
    State.DELIVERED: ("",),
    State.FAILED: (Reason.EXHAUSTED, Reason.GONE, Reason.CONFIGURATION, Reason.LOST_WORKER),
    State.CANCELLED: (
        Reason.SUPERSEDED,
        Reason.STOPPED_BY_USER,
        Reason.UNSUBSCRIBED,
        Reason.WITHDRAWN,
        Reason.ARCHIVED,
    ),
    State.HELD: (Reason.WEBHOOK_INACTIVE, Reason.WEBHOOK_STOPPED, Reason.PARTICIPANT_BLOCKED),
}

TRANSITIONS: dict[str, tuple[str, ...]] = {
    State.WAITING: (State.DELIVERED, State.FAILED, State.CANCELLED, State.HELD),
    State.HELD: (State.WAITING, State.CANCELLED),
    State.DELIVERED: (),
    State.FAILED: (),
    State.CANCELLED: (),
}

# What everything that is sent about a product has as the beginning of its subject.
PRODUCT_SUBJECT = "product:"

FINAL_STATES = (State.DELIVERED, State.FAILED, State.CANCELLED)


def check_transition(before: str, after: str) -> None:
    """Raise TransitionRefused unless a delivery may go from state `before` to state `after` (delivery.md, States)."""
    if after not in TRANSITIONS[before]:
        raise TransitionRefused(before, after)


def _reason_fits_state() -> Q:
    fits = Q()
    for state, reasons in REASONS.items():
        fits |= Q(state=state, reason__in=reasons)
    return fits


class Delivery(models.Model):
    """One event for one webhook: its state, its next due time and its lease.

    A waiting row is its own queue entry. A claim pushes `due_at` to the end of the lease and writes `lease_token`; a
    worker that dies leaves the row to fall due again by itself, so nothing has to look for lost leases. The body is
    rendered at the first claim and never again: every attempt sends the same bytes.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    event = models.ForeignKey("dispatch.Event", models.PROTECT, related_name="deliveries", verbose_name=_("event"))
    # Every index is written anew at each claim and each record, so there are none that another one can stand in for.
    webhook = models.ForeignKey(
        "webhooks.Webhook", models.PROTECT, db_index=False, related_name="+", verbose_name=_("webhook")
    )
    batch = models.ForeignKey(
        "dispatch.SendBatch",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("batch"),
    )
    cause = models.CharField(_("cause"), max_length=20, choices=Cause, default=Cause.AUTOMATIC)
    subject = models.CharField(_("subject"), max_length=200)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=30, choices=Reason, blank=True, default="")
    urgent = models.BooleanField(_("urgent"), default=False)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    lease_token = models.UUIDField(_("lease token"), null=True, blank=True)
    attempts_made = models.PositiveIntegerField(_("attempts made"), default=0)
    counted_attempts = models.PositiveSmallIntegerField(_("counted attempts"), default=0)
    unknown_in_row = models.PositiveSmallIntegerField(_("unknown attempts in a row"), default=0)
    # A receiver answered 401 to a fetched token: the next attempt is the one repeat with a fresh one, and not counted.
    # The default stands in the database too: statements that write deliveries need not name it.
    repeat_due = models.BooleanField(_("repeated with a fresh token"), default=False, db_default=False)
    body = models.BinaryField(_("body"), null=True, blank=True)
    body_format = models.CharField(_("body format"), max_length=40, blank=True, default="")
    content_type = models.CharField(_("content type"), max_length=100, blank=True, default="")
    last_status = models.PositiveSmallIntegerField(_("last status"), null=True, blank=True)
    last_diagnosis = models.CharField(_("last diagnosis"), max_length=60, blank=True, default="")
    last_attempt_at = models.DateTimeField(_("last attempt at"), null=True, blank=True)
    created_by = models.CharField(_("created by"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["event", "webhook"], condition=Q(cause=Cause.AUTOMATIC), name="delivery_one_automatic"
            ),
            # Fifty presses of Enviar make one delivery: delivery.md.
            models.UniqueConstraint(
                fields=["webhook", "subject"],
                condition=~Q(cause=Cause.AUTOMATIC) & Q(state=State.WAITING),
                name="delivery_one_manual_waiting",
            ),
            models.CheckConstraint(condition=Q(cause__in=Cause.values), name="delivery_cause_known"),
            models.CheckConstraint(condition=_reason_fits_state(), name="delivery_reason_fits_state"),
            models.CheckConstraint(
                condition=Q(state=State.WAITING, due_at__isnull=False)
                | (~Q(state=State.WAITING) & Q(due_at__isnull=True, lease_token__isnull=True)),
                name="delivery_due_only_while_waiting",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINAL_STATES, finished_at__isnull=False)
                | (~Q(state__in=FINAL_STATES) & Q(finished_at__isnull=True)),
                name="delivery_finished_only_at_the_end",
            ),
        ]
        indexes = [
            # The claim: which webhooks have rows due (loose scan), and their rows in order.
            models.Index(F("webhook"), F("due_at"), F("id"), name="delivery_claim", condition=Q(state=State.WAITING)),
            # The claim: urgent rows of every webhook first, then what has been due for longest; pages and metrics: the
            # oldest due.
            models.Index(F("urgent"), F("due_at"), name="delivery_due", condition=Q(state=State.WAITING)),
            # The claim: which webhooks have something urgent, without reading a backlog to find none.
            models.Index(
                F("webhook"), F("due_at"), name="delivery_urgent", condition=Q(state=State.WAITING, urgent=True)
            ),
            # The claim: how many of a webhook are in flight.
            models.Index(F("webhook"), name="delivery_leased", condition=Q(lease_token__isnull=False)),
            # Holding, its pages, and what is asked before a webhook starts again: what is held for it.
            models.Index(F("webhook"), F("subject"), name="delivery_held", condition=Q(state=State.HELD)),
            # A batch's progress and its stop.
            models.Index(F("batch"), name="delivery_of_batch", condition=Q(batch__isnull=False)),
            # Batches: which of them have notifications that were not tried yet.
            models.Index(
                F("batch"),
                name="delivery_batch_untried",
                condition=Q(state=State.WAITING, counted_attempts=0, batch__isnull=False),
            ),
            # Reenviar Pendentes: events that are no publications and ended in error. Of publications, the statuses say.
            models.Index(
                F("webhook"),
                F("subject"),
                name="delivery_failed_event",
                condition=Q(state=State.FAILED) & ~Q(subject__startswith=PRODUCT_SUBJECT),
            ),
            # Operations: what failed or was cancelled, newest first, among millions that were delivered.
            models.Index(F("id").desc(), name="delivery_failed_recent", condition=Q(state=State.FAILED)),
            models.Index(F("id").desc(), name="delivery_cancelled_recent", condition=Q(state=State.CANCELLED)),
            # The participant's list: the same of one webhook, which may have been delivered a million.
            models.Index(
                F("webhook"),
                F("state"),
                F("id").desc(),
                name="delivery_undelivered_recent",
                condition=Q(state__in=(State.FAILED, State.CANCELLED)),
            ),
            # Pages: recent deliveries of a webhook, newest first.
            models.Index(F("webhook"), F("id").desc(), name="delivery_recent"),
            # ProductStatus: the newest delivery of a subject to a webhook; Enviar: what waits for it.
            models.Index(F("webhook"), F("subject"), F("id").desc(), name="delivery_newest_subject"),
        ]

    def __str__(self) -> str:
        return f"msg_{self.uuid}"

    @property
    def message_id(self) -> str:
        """The `webhook-id` of every attempt (Standard Webhooks)."""
        return f"msg_{self.uuid}"

    @property
    def being_sent(self) -> bool:
        """Whether a worker holds this row's lease (the lease's end is `due_at`; a lost one is claimed again)."""
        return self.state == State.WAITING and self.lease_token is not None

    @property
    def retrying(self) -> bool:
        """Whether at least one attempt failed and another one is due."""
        return self.state == State.WAITING and self.counted_attempts > 0
