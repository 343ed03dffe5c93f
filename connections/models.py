"""What a participant gives us to get tokens with, the tokens we hold, and the runs that people start by hand."""

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connections.querysets import KeyPairQuerySet, LiveQuerySet, RunQuerySet
from vault.fields import SealedField


class KeyPair(models.Model):
    """A certificate, with its chain, and the private key that belongs to it. Uploaded by a participant, replaced before
    it expires, in the end archived; it is never deleted while something points to it."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, related_name="key_pairs", verbose_name=_("participant")
    )
    name = models.CharField(_("Name"), max_length=120)
    # The leaf first, then each one's issuer; LF, nothing between the blocks.
    certificate_pem = models.TextField(_("Certificate"))
    private_key = SealedField(label="connections.keypair")
    private_key_version = models.UUIDField(default=uuid4, editable=False)
    subject = models.TextField(_("subject"))
    issuer = models.TextField(_("issuer"))
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"))
    # SHA-256 of the leaf's DER, in hex.
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    # What it signs with (RFC 7518, RFC 8037), and the key in words: "RSA 2048".
    algorithm = models.CharField(_("algorithm"), max_length=16)
    key_words = models.CharField(_("key"), max_length=32)
    shared = models.BooleanField(_("shared"), default=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=200, default="", blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)

    objects = KeyPairQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        verbose_name = _("key pair")
        verbose_name_plural = _("key pairs")
        indexes = [
            # The job that warns before the expiry.
            models.Index(fields=["not_after"], name="connections_key_expiry", condition=Q(archived_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(not_after__gt=models.F("not_before")), name="connections_keypair_validity"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def archived(self) -> bool:
        return self.archived_at is not None


class Connection(models.Model):
    """Credentials for somebody's token endpoint. `shared` False: owned by the one webhook that points to it and edited
    in its form. Archived, never deleted, like what points to it."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    participant = models.ForeignKey(
        "access.Participant", models.PROTECT, related_name="connections", verbose_name=_("participant")
    )
    # Checked against connections.kinds.registry by a system check and by the rules: no migration per kind.
    kind = models.CharField(_("Kind"), max_length=32)
    name = models.CharField(_("Name"), max_length=120)
    description = models.TextField(_("Description"), default="", blank=True)
    shared = models.BooleanField(_("shared"), default=True)
    token_url = models.CharField(_("Token URL"), max_length=2048)
    settings = models.JSONField(default=dict, blank=True)
    secrets = SealedField(label="connections.connection")
    secrets_version = models.UUIDField(null=True, blank=True, editable=False)
    secrets_set_at = models.DateTimeField(_("secrets set at"), null=True, blank=True, editable=False)
    key_pair = models.ForeignKey(
        KeyPair, models.PROTECT, null=True, blank=True, related_name="connections", verbose_name=_("key pair")
    )
    # Another one with every change of what a token request is made of: the cache's key has it.
    credential_version = models.UUIDField(default=uuid4, editable=False)
    private_ca = models.TextField(_("Private certificate authority"), default="", blank=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=200, default="", blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)

    objects = LiveQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        verbose_name = _("connection")
        verbose_name_plural = _("connections")

    def __str__(self) -> str:
        return self.name

    @property
    def archived(self) -> bool:
        return self.archived_at is not None


class CachedToken(models.Model):
    """What is known about one key of the token cache: the token, who is fetching the next one, and how often that
    failed. See connections.cache for its life; every change is one conditional update."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    key = models.CharField(max_length=64, unique=True)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", verbose_name=_("connection"))
    credential_version = models.UUIDField()
    token = SealedField(label="connections.token")
    token_type = models.CharField(_("token type"), max_length=64, default="", blank=True)
    obtained_at = models.DateTimeField(_("obtained at"), null=True)
    refresh_at = models.DateTimeField(_("renewed from"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    # Somebody fetches until then. `refreshing_by` stays afterwards: it tells whether anybody fetched since it was read.
    refreshing_until = models.DateTimeField(_("being renewed until"), null=True)
    refreshing_by = models.UUIDField(null=True)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    retry_at = models.DateTimeField(_("next try at"), null=True)
    failure_code = models.CharField(max_length=64, default="", blank=True)
    failure_status = models.PositiveSmallIntegerField(_("status of the failure"), null=True)
    failure_detail = models.TextField(_("detail of the failure"), default="", blank=True)
    cleared_at = models.DateTimeField(_("cleared at"), null=True)
    used_at = models.DateTimeField(_("last used at"), auto_now_add=True)

    class Meta:
        verbose_name = _("cached token")
        verbose_name_plural = _("cached tokens")
        indexes = [
            # The job that removes what nobody asked for lately.
            models.Index(fields=["used_at"], name="connections_token_unused"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(token="", refresh_at__isnull=True)
                | (~Q(token="") & Q(obtained_at__isnull=False, refresh_at__isnull=False)),
                name="connections_token_with_its_times",
            ),
        ]

    def __str__(self) -> str:
        return self.key[:12]


class ConnectionRun(models.Model):
    """One press of "Obter Credenciais": the row is written before the request and completed after it. Its token can be
    read until `purge_at`, then a job removes the row."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    connection = models.ForeignKey(
        Connection, models.PROTECT, related_name="runs", db_index=False, verbose_name=_("connection")
    )
    by = models.CharField(_("by"), max_length=200)
    at = models.DateTimeField(_("time"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    arguments = models.JSONField(default=dict, blank=True)
    steps = models.JSONField(default=list, blank=True)
    succeeded = models.BooleanField(_("succeeded"), default=False)
    # A code of connections.failures; empty while it runs and after a success.
    diagnosis = models.CharField(max_length=64, default="", blank=True)
    response_status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    token = SealedField(label="connections.run")
    token_type = models.CharField(_("token type"), max_length=64, default="", blank=True)
    purge_at = models.DateTimeField(_("removed at"))

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")
        verbose_name = _("run of a connection")
        verbose_name_plural = _("runs of connections")
        indexes = [
            # The page of a connection: its newest runs; the limit of runs per minute.
            models.Index(fields=["connection", "-at"], name="connections_run_newest"),
            # The job that removes what is a day old.
            models.Index(fields=["purge_at"], name="connections_run_purge"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(succeeded=False) | Q(finished_at__isnull=False, diagnosis=""),
                name="connections_run_succeeded_when_finished",
            ),
        ]

    def __str__(self) -> str:
        return str(self.uuid)
