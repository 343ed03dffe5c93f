"""The outbox of mails to people, and what operators were told of that is not over yet."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from notices.querysets import IncidentQuerySet, NoticeQuerySet


class Audience(models.TextChoices):
    PARTICIPANT = "participant", _("Participant")
    OPERATORS = "operators", _("Operators")


class NoticeState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class Notice(models.Model):
    """Something that people are to be told by mail, written in the transaction of the change that it tells of.

    A job sends it: to whom is found out then, each in their own language. It waits, with pauses that grow, until it is
    sent or given up; an operator may have it sent again. A waiting row is its own queue entry: who sends it pushes
    `due_at` to the end of a lease, and one who dies leaves it to fall due again.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    # Of notices.kinds, checked there and not by the database: no migration per kind.
    kind = models.CharField(_("kind"), max_length=40)
    audience = models.CharField(_("audience"), max_length=20, choices=Audience)
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("participant")
    )
    dedupe_key = models.CharField(_("told once per"), max_length=200, unique=True)
    subject = models.CharField(_("about"), max_length=200, blank=True, default="")
    # Of our own site, such as /settings/integration/webhooks/<uuid>/.
    path = models.CharField(_("page"), max_length=300, blank=True, default="")
    # What the mail says beside the words of its kind. Never a secret.
    context = models.JSONField(_("values"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created at"))
    state = models.CharField(_("state"), max_length=20, choices=NoticeState, default=NoticeState.WAITING)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    lease_token = models.UUIDField(_("lease token"), null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # The addresses that have it already: a repeat after a failure goes to the others only.
    told = models.JSONField(_("told"), default=list, blank=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True, default="")
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        permissions = [
            ("resend_notice", _("Can have a notice sent again")),
            ("receive_operator_notices", _("Receives the notices to operators")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=NoticeState.values), name="notice_state_known"),
            models.CheckConstraint(
                condition=Q(audience=Audience.PARTICIPANT, participant__isnull=False)
                | Q(audience=Audience.OPERATORS, participant__isnull=True),
                name="notice_participant_fits_audience",
            ),
            models.CheckConstraint(
                condition=Q(state=NoticeState.WAITING, due_at__isnull=False)
                | (~Q(state=NoticeState.WAITING) & Q(due_at__isnull=True, lease_token__isnull=True)),
                name="notice_due_only_while_waiting",
            ),
            models.CheckConstraint(
                condition=Q(state=NoticeState.SENT, sent_at__isnull=False)
                | (~Q(state=NoticeState.SENT) & Q(sent_at__isnull=True)),
                name="notice_sent_at_only_when_sent",
            ),
        ]
        indexes = [
            # The job that sends: what is due.
            models.Index(F("due_at"), name="notice_due", condition=Q(state=NoticeState.WAITING)),
            # The admin's list, newest first, by state.
            models.Index(F("state"), F("id").desc(), name="notice_state_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}" if self.subject else self.kind


class Incident(models.Model):
    """Something wrong at the operator's own, from the first suspicion until it is over.

    A suspicion that the next look does not confirm is deleted. A confirmed one is told once, and its end once.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    suspected_at = models.DateTimeField(_("suspected at"))
    seen_at = models.DateTimeField(_("last seen at"))
    told_at = models.DateTimeField(_("told at"), null=True, blank=True)
    over_at = models.DateTimeField(_("over at"), null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(over_at__isnull=True), name="incident_one_open_per_kind"
            ),
            models.CheckConstraint(
                condition=Q(over_at__isnull=True) | Q(told_at__isnull=False), name="incident_over_only_when_told"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.suspected_at}"
