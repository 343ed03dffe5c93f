"""What claims and pages need beside the deliveries themselves: lanes, last status per product, batches, beats."""

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dispatch.models.deliveries import Cause, State


class Lane(models.Model):
    """The way to one webhook: how many may be in flight, from when on it is open, how long it has been failing.

    Locked by a claim while it books deliveries of this webhook, so two workers never exceed its limits together.
    """

    webhook = models.OneToOneField(
        "webhooks.Webhook", models.PROTECT, primary_key=True, related_name="+", verbose_name=_("webhook")
    )
    in_flight_cap = models.PositiveSmallIntegerField(_("in-flight cap"), null=True, blank=True)
    open_at = models.DateTimeField(_("open from"), null=True, blank=True)
    failures_in_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    last_success_at = models.DateTimeField(_("last success at"), null=True, blank=True)
    # Stopped because everything failed: when a request is next sent to see whether the receiver is back.
    probe_at = models.DateTimeField(_("next probe at"), null=True, blank=True)
    # The database's own default too: processes of the release before go on making lanes during an upgrade.
    probes_made = models.PositiveSmallIntegerField(_("probes made"), default=0, db_default=0)
    # Null: nothing that its owner was told of is still open. Else a success tells that it is over.
    trouble_told_at = models.DateTimeField(_("trouble told at"), null=True, blank=True)
    # The stop that its owner was told of and that still stands.
    stop_told_at = models.DateTimeField(_("stop told at"), null=True, blank=True)

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")
        indexes = [
            # The job that stops webhooks: which have been failing for longest.
            models.Index(F("failing_since"), name="lane_failing", condition=Q(failing_since__isnull=False)),
            # The job that probes: which are to be asked again.
            models.Index(F("probe_at"), name="lane_probe", condition=Q(probe_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{_('lane')} {self.pk}"


class ProductStatus(models.Model):
    """The last notification of one product to one webhook, as pages and Reenviar Pendentes read it (ONS-15).

    Equals the state of the newest live delivery that was not cancelled; written in the same statements as that one.
    """

    # Written anew for every webhook that a publication tells: no index but the one of the constraint and the one by
    # which a record finds the row.
    webhook = models.ForeignKey(
        "webhooks.Webhook", models.PROTECT, db_index=False, related_name="+", verbose_name=_("webhook")
    )
    product = models.ForeignKey(
        "catalog.Product", models.PROTECT, db_index=False, related_name="+", verbose_name=_("product")
    )
    delivery = models.ForeignKey("dispatch.Delivery", models.PROTECT, related_name="+", verbose_name=_("delivery"))
    state = models.CharField(_("state"), max_length=20, choices=State)
    failed_attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("product status")
        verbose_name_plural = _("product statuses")
        constraints = [
            models.UniqueConstraint(fields=["webhook", "product"], name="product_status_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="product_status_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id}/{self.product_id}: {self.get_state_display()}"


class SendBatch(models.Model):
    """One pressing of Enviar Tudo or Reenviar Pendentes: what preview, progress and stop refer to.

    Its uuid is the one-use token of the preview: sent twice, the database lets one of them in. `wanted` is how many
    notifications were to go, `created` how many were written; `written_at` is empty until the last of them was, and
    stays so when the process died before. `left_out` holds [product's or event's key, why] of what did not go.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    webhook = models.ForeignKey("webhooks.Webhook", models.PROTECT, related_name="+", verbose_name=_("webhook"))
    kind = models.CharField(_("kind"), max_length=20, choices=Cause)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    by_label = models.CharField(_("by"), max_length=200, blank=True, default="")
    wanted = models.PositiveIntegerField(_("wanted"), default=0)
    created = models.PositiveIntegerField(_("created"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    written_at = models.DateTimeField(_("written at"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, blank=True)
    left_out = models.JSONField(_("left out"), default=list, blank=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        # Nobody adds, changes or deletes one; operations may start and stop them with a right of its own.
        default_permissions = ("view",)
        permissions = [("send_sendbatch", _("Can send all, resend pending and decide what is held"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[Cause.ENVIAR_TUDO, Cause.REENVIAR]), name="send_batch_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uuid}"


class DispatcherBeat(models.Model):
    """The sign of life of one dispatcher process, renewed while it polls; old rows are removed by the next start."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    started_at = models.DateTimeField(_("started at"))
    beat_at = models.DateTimeField(_("last beat at"))

    class Meta:
        verbose_name = _("dispatcher beat")
        verbose_name_plural = _("dispatcher beats")

    def __str__(self) -> str:
        return self.name
