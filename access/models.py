"""People, organisations and the trail of what they changed."""

from typing import ClassVar
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Lower
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from access import cnpj, querysets
from access.audit_words import action_words
from access.fields import CnpjField, LowercaseEmailField
from access.managers import UserManager
from access.roles import ActorSource, ParticipantKind, Role, Theme
from access.session_models import UserSession

__all__ = [
    "ActorSource",
    "AuditEntry",
    "AuditLink",
    "AuditRedaction",
    "Erasure",
    "Membership",
    "Participant",
    "ParticipantKind",
    "Role",
    "Theme",
    "User",
    "UserSession",
]


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail address. Never deleted: one who leaves is made inactive."""

    uuid = models.UUIDField(_("identifier"), default=uuid4, unique=True, editable=False)
    email = LowercaseEmailField(_("e-mail"), unique=True, error_messages={"unique": _("This e-mail is already used.")})
    name = models.CharField(_("name"), max_length=150)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default="pt-br")
    theme = models.CharField(_("theme"), max_length=10, choices=Theme, default=Theme.SYSTEM)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("An inactive user can't sign in."))
    is_staff = models.BooleanField(_("operations"), default=False, help_text=_("May enter the administration."))
    # Raised to end all sessions of this user: each carries a digest of it.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("email",)
        permissions = [("reset_mfa", _("Can take away the second factor of a user"))]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower(F("email"))), name="user_email_in_small_letters"),
            models.CheckConstraint(condition=Q(theme__in=Theme.values), name="user_theme_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.email})" if self.name else self.email

    @property
    def display_name(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.name.split()[0] if self.name.strip() else self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Both of Django's public hashes, this key's and those of older keys, come from here.
        salt = "access.models.User.get_session_auth_hash"
        value = f"{self.session_epoch}:{self.password}"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()


class Participant(models.Model):
    """An organisation that connects to the operator: the tenant whose rows nobody else sees.

    Life: created by operations, may be blocked (with a reason) and unblocked, never deleted.
    """

    uuid = models.UUIDField(_("identifier"), default=uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200)
    cnpj = CnpjField(_("CNPJ"), unique=True, error_messages={"unique": _("A participant with this CNPJ exists.")})
    kind = models.CharField(_("kind"), max_length=30, choices=ParticipantKind, default=ParticipantKind.OTHER)
    mfa_demanded = models.BooleanField(
        _("two-step sign-in demanded"),
        default=False,
        help_text=_("Its members set up an app that shows codes before they reach any other page."),
    )
    blocked_at = models.DateTimeField(_("blocked at"), null=True, blank=True, editable=False)
    blocked_reason = models.CharField(_("reason of the block"), max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = querysets.ParticipantQuerySet.as_manager()

    class Meta:
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        ordering = ("name", "pk")
        permissions = [("block_participant", _("Can block and unblock a participant"))]
        constraints = [
            models.CheckConstraint(condition=Exact(Length("cnpj"), cnpj.LENGTH), name="participant_cnpj_length"),
            models.CheckConstraint(condition=Q(kind__in=ParticipantKind.values), name="participant_kind_known"),
            models.CheckConstraint(
                condition=Q(blocked_at__isnull=True, blocked_reason="")
                | (Q(blocked_at__isnull=False) & ~Q(blocked_reason="")),
                name="participant_blocked_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def blocked(self) -> bool:
        return self.blocked_at is not None

    @property
    def formatted_cnpj(self) -> str:
        return cnpj.format_cnpj(self.cnpj)


class Membership(models.Model):
    """A user's role at a participant. Its end is a deletion; the audit trail keeps who had which role when."""

    uuid = models.UUIDField(_("identifier"), default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships", verbose_name=_("user"))
    participant = models.ForeignKey(
        Participant, models.PROTECT, related_name="memberships", verbose_name=_("participant")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = querysets.MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "participant"],
                name="membership_once_per_participant",
                violation_error_message=_("This user already belongs to this participant."),
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.participant} · {self.get_role_display()}"


class AuditEntry(models.Model):
    """One change: who, for which participant, to what, from where, before and after. No secret ever.

    Inserted in the transaction of the change. The database refuses to update or delete it (access/audit_triggers.py).
    """

    uuid = models.UUIDField(_("identifier"), default=uuid4, unique=True, editable=False)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    actor_source = models.CharField(_("source"), max_length=20, choices=ActorSource)
    actor_user = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    actor_label = models.CharField(_("by"), max_length=200)
    participant = models.ForeignKey(
        Participant, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("participant")
    )
    action = models.CharField(_("action"), max_length=100)
    object_type = models.CharField(_("object type"), max_length=100)
    object_id = models.CharField(_("object identifier"), max_length=64)
    object_label = models.CharField(_("object"), max_length=200, blank=True)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    address = models.CharField(_("address"), max_length=64, blank=True)

    objects = querysets.AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(condition=Q(actor_source__in=ActorSource.values), name="audit_source_known"),
        ]
        permissions = [("export_auditentry", _("Can export the audit trail"))]
        indexes = [
            # The admin list by date, newest first.
            models.Index(fields=["recorded_at"], name="audit_recorded"),
            # The history of one object, in the admin and on participant pages.
            models.Index(fields=["object_type", "object_id"], name="audit_object"),
        ]

    def __str__(self) -> str:
        return f"{action_words(self.action, self.object_type)} · {self.object_label}".removesuffix(" · ")


class AuditLink(models.Model):
    """An entry's place in the chain: its mac covers the entry and the link before, so no row changes unseen."""

    entry = models.OneToOneField(AuditEntry, models.PROTECT, related_name="link", verbose_name=_("audit entry"))
    position = models.PositiveBigIntegerField(_("position"), unique=True)
    key_id = models.CharField(_("key"), max_length=32)
    mac = models.CharField(_("authentication code"), max_length=64)
    linked_at = models.DateTimeField(_("linked at"), default=timezone.now)

    class Meta:
        verbose_name = _("audit link")
        verbose_name_plural = _("audit links")
        ordering = ("position",)
        constraints = [models.CheckConstraint(condition=Q(position__gte=1), name="audit_position_from_one")]

    def __str__(self) -> str:
        return f"{self.position}: {self.mac}"


class Erasure(models.Model):
    """The order to erase a participant, and how far that is: all it configured, what was sent to it, and its people.

    Asked for by a member of staff, who blocks the participant by it; carried out by a job, chunk by chunk. It can't be
    taken back. The row stays: it says that, when and why something is not there any more.
    """

    uuid = models.UUIDField(_("identifier"), default=uuid4, unique=True, editable=False)
    participant = models.OneToOneField(
        Participant, models.PROTECT, related_name="erasure", verbose_name=_("participant")
    )
    requested_at = models.DateTimeField(_("requested at"), default=timezone.now)
    requested_by = models.CharField(_("requested by"), max_length=200)
    reason = models.CharField(_("reason"), max_length=500)
    # Whom to erase with it, by their numbers: the trail that tells of former members is emptied on the way.
    people = models.JSONField(default=list, editable=False)
    # How many rows of which kind.
    removed = models.JSONField(_("removed"), default=dict)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)
        permissions = [("erase_participant", _("Can erase a participant"))]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="erasure_with_reason")]

    def __str__(self) -> str:
        return str(self.uuid)


class AuditRedaction(models.Model):
    """That an audit entry was emptied of what tells of a person, for which erasure, and what it looked like then.

    The database lets an entry be emptied only where such a row stands (access/audit_triggers.py); the chain accepts an
    emptied entry only with the code of this row, which covers what is left (access/redaction.py). As immutable as the
    entries themselves.
    """

    entry = models.OneToOneField(AuditEntry, models.PROTECT, related_name="redaction", verbose_name=_("audit entry"))
    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="+", verbose_name=_("erasure"))
    redacted_at = models.DateTimeField(_("time"), default=timezone.now)
    key_id = models.CharField(_("key"), max_length=32)
    mac = models.CharField(_("authentication code"), max_length=64)

    class Meta:
        verbose_name = _("emptied audit entry")
        verbose_name_plural = _("emptied audit entries")

    def __str__(self) -> str:
        return str(self.entry_id)
