"""What a participant configures, every version of it that ever was in force, and its trials of it."""

from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from vault.fields import SealedField, is_set
from webhooks.querysets import AppendOnlyQuerySet, WebhookQuerySet


class Backoff(models.TextChoices):
    FIXED = "fixed", _("Fixed interval")
    EXPONENTIAL = "exponential", _("Exponential back-off")


class StoppedReason(models.TextChoices):
    GONE = "gone", _("The receiver answered 410: the address is gone")
    FAILING = "failing", _("Every recent attempt failed")
    PAUSED = "paused", _("Paused by operations")


class RatePeriod(models.IntegerChoices):
    SECOND = 1, _("second")
    MINUTE = 60, _("minute")
    HOUR = 3600, _("hour")


class Webhook(models.Model):
    """A participant's address and how to call it. It is created, changed, perhaps stopped by the system and started
    again, and in the end archived; it is never deleted, because deliveries and attempts point to it."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, related_name="webhooks", verbose_name=_("participant")
    )
    description = models.CharField(_("Description"), max_length=120)
    request_uri = models.CharField(_("Request URI"), max_length=2048)
    active = models.BooleanField(_("Status"), default=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, blank=True, editable=False)
    stopped_reason = models.CharField(max_length=16, choices=StoppedReason, default="", blank=True, editable=False)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)
    # Authentication complete. Stored when saved, so that fan-out is one statement that knows no method.
    ready = models.BooleanField(_("authentication complete"), default=False, editable=False)
    notify_suspect_score = models.BooleanField(_("Notify suspect score changes"), default=False)
    retry_interval_seconds = models.PositiveIntegerField(default=300)
    max_attempts = models.PositiveSmallIntegerField(_("Maximum number of attempts"), default=5)
    backoff = models.CharField(_("Back-off"), max_length=16, choices=Backoff, default=Backoff.FIXED)
    rate_limit_count = models.PositiveIntegerField(_("Rate limit"), null=True, blank=True)
    rate_limit_period_seconds = models.PositiveIntegerField(choices=RatePeriod, null=True, blank=True)
    # Checked against the registries by a system check and by the rules, not by the database: no migration per variant.
    body_format = models.CharField(_("Body format"), max_length=32, default="documented")
    auth_method = models.CharField(_("Authentication type"), max_length=32, default="none")
    auth_settings = models.JSONField(default=dict, blank=True)
    auth_secrets = SealedField(label="webhooks.webhook")
    auth_secrets_version = models.UUIDField(null=True, blank=True, editable=False)
    auth_secrets_set_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Where the token comes from that every notification carries: one of the participant's shared connections, or one
    # that belongs to this webhook. Its index, and that of the key pair, serve the changes of credentials.
    connection = models.ForeignKey(
        "connections.Connection",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="webhooks",
        verbose_name=_("connection"),
    )
    # Shown to the receiver while TLS is set up, whatever the authentication type.
    client_key_pair = models.ForeignKey(
        "connections.KeyPair",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="webhooks",
        verbose_name=_("client certificate"),
    )
    signing_secret = SealedField(label="webhooks.webhook")
    signing_secret_version = models.UUIDField(default=uuid4, editable=False)
    signing_secret_set_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A signing secret is shown once; until somebody has asked to see it this stays empty.
    signing_secret_shown_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Signs as well until then; a job forgets it afterwards and leaves the moment, which versions tell of.
    previous_signing_secret = SealedField(label="webhooks.webhook")
    previous_signing_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    private_ca = models.TextField(_("Private certificate authority"), default="", blank=True)
    current_version = models.ForeignKey(
        "webhooks.WebhookVersion", models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=200, default="", blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("description", "id")
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        permissions = [("pause_webhook", _("Can pause and resume a webhook"))]
        indexes = [
            # Metrics: how many there are in each state, without reading the rows.
            models.Index(
                fields=["active", "ready", "stopped_reason"],
                name="webhooks_by_state",
                condition=Q(archived_at__isnull=True),
            ),
        ]
        constraints = [
            # Two saves at once can't both become the holder (UNICO-7); archiving frees the place.
            models.UniqueConstraint(
                fields=["participant"],
                condition=Q(notify_suspect_score=True, archived_at__isnull=True),
                name="webhooks_one_suspect_score_per_participant",
            ),
            models.CheckConstraint(condition=Q(backoff__in=Backoff.values), name="webhooks_webhook_backoff"),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True, stopped_reason="")
                | Q(stopped_at__isnull=False, stopped_reason__in=StoppedReason.values),
                name="webhooks_webhook_stopped_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True) | Q(active=False), name="webhooks_webhook_archived_is_inactive"
            ),
            models.CheckConstraint(
                condition=Q(retry_interval_seconds__gte=1, retry_interval_seconds__lte=86_400),
                name="webhooks_webhook_retry_interval",
            ),
            models.CheckConstraint(
                condition=Q(max_attempts__gte=1, max_attempts__lte=20), name="webhooks_webhook_max_attempts"
            ),
            models.CheckConstraint(
                condition=Q(rate_limit_count__isnull=True, rate_limit_period_seconds__isnull=True)
                # NULL compares to unknown, and a CHECK lets unknown pass: both halves say that they are filled.
                | Q(
                    rate_limit_count__isnull=False,
                    rate_limit_period_seconds__isnull=False,
                    rate_limit_count__gte=1,
                    rate_limit_count__lte=10_000,
                    rate_limit_period_seconds__in=RatePeriod.values,
                ),
                name="webhooks_webhook_rate_limit",
            ),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def stopped(self) -> bool:
        return self.stopped_at is not None

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    @property
    def previous_signing_until(self) -> datetime | None:
        """Until when the signing secret before this one signs as well; None when it does so no more."""
        until = self.previous_signing_secret_until
        return until if until and until > timezone.now() and is_set(self, "previous_signing_secret") else None

    @property
    def retry_interval_minutes(self) -> int:
        return self.retry_interval_seconds // 60


class WebhookHeader(models.Model):
    """One header sent with every notification. Its value stands in `value` or, while the secret switch is on, sealed
    in `sealed_value` only."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="headers", db_index=False)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=64)
    secret = models.BooleanField(default=True)
    value = models.TextField(default="", blank=True)
    sealed_value = SealedField(label="webhooks.header")
    secret_version = models.UUIDField(null=True, blank=True, editable=False)
    secret_set_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("webhook", "position", "id")
        constraints = [
            # Header names don't care for case, so neither does the rule "one source per name". Its index also serves
            # every read of a webhook's headers (the form, and load_plans for each claim).
            models.UniqueConstraint("webhook", Lower("name"), name="webhooks_header_one_per_name"),
            models.CheckConstraint(
                condition=Q(secret=True, value="", secret_version__isnull=False)
                | Q(secret=False, secret_version__isnull=True),
                name="webhooks_header_secret_never_plain",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookVersion(models.Model):
    """What was in force from one save to the next, without secrets but with the ids of their versions. Append-only:
    attempts point to the version that they used, and the database refuses to change a row."""

    webhook = models.ForeignKey(Webhook, models.PROTECT, related_name="versions", db_index=False)
    number = models.PositiveIntegerField(_("number"))
    settings = models.JSONField()
    secret_versions = models.JSONField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(_("time"), auto_now_add=True)
    by = models.CharField(_("by"), max_length=200)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook version")
        verbose_name_plural = _("webhook versions")
        ordering = ("webhook", "-number")
        constraints = [
            # Its index also serves the admin's history of one webhook.
            models.UniqueConstraint(fields=["webhook", "number"], name="webhooks_version_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="webhooks_version_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id}/{self.number}"


class ProductSubscription(models.Model):
    """This webhook is told of every publication of this product."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="product_subscriptions", db_index=False)
    # The index that comes with this key is the one that fan-out reads: who is subscribed to the product just published.
    product = models.ForeignKey("catalog.Product", models.PROTECT, related_name="webhook_subscriptions")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Its index also serves "the products of this webhook" (form, details page).
            models.UniqueConstraint(fields=["webhook", "product"], name="webhooks_subscription_once_per_product"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} - {self.product_id}"


class EventTypeSubscription(models.Model):
    """This webhook is told of every event of this type that belongs to its participant."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="event_type_subscriptions", db_index=False)
    event_type = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event_type"], name="webhooks_subscription_once_per_type"),
        ]
        indexes = [
            # Fan-out of an event: which webhooks want this type.
            models.Index(fields=["event_type", "webhook"], name="webhooks_subscribed_to_type"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} - {self.event_type}"


class WebhookTest(models.Model):
    """One press of "Testar": the row is written before the request (it is what the limit counts) and completed after
    it. It may be of a form not saved yet, then it has no webhook. Not a delivery, and counted nowhere else."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, related_name="+", db_index=False, verbose_name=_("participant")
    )
    webhook = models.ForeignKey(
        Webhook, models.PROTECT, null=True, blank=True, related_name="tests", verbose_name=_("webhook")
    )
    by = models.CharField(_("by"), max_length=200)
    at = models.DateTimeField(_("time"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    succeeded = models.BooleanField(_("succeeded"), default=False)
    response_status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    # The code of webhooks.diagnosis; empty while it runs and after a success.
    diagnosis = models.CharField(max_length=64, default="", blank=True)
    exchange = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("webhook test")
        verbose_name_plural = _("webhook tests")
        ordering = ("-at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(succeeded=False) | Q(finished_at__isnull=False, diagnosis=""),
                name="webhooks_test_succeeded_when_finished",
            ),
        ]
        indexes = [
            # The limit of tests per minute counts a participant's newest rows before each test.
            models.Index(fields=["participant", "at"], name="webhooks_test_rate"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)
