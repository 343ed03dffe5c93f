"""The browsers in which somebody is signed in. Apart from access/models.py, which is long enough."""

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.devices import describe_device


class UserSessionQuerySet(models.QuerySet):
    def running(self) -> Self:
        """Neither ended nor past its time. A change of password ends sessions too: `access.sessions.find_live`."""
        return self.filter(ended_at__isnull=True, expires_at__gt=timezone.now())


class UserSession(models.Model):
    """One browser in which a user is signed in, beside the session itself, whichever engine keeps that.

    Life: noted with the first answer after signing in, seen from time to time, ended by its owner, by staff or by
    signing out; removed some time after the session can no longer be alive. Until then an ended row is what refuses
    the session. The key of the session is not kept, only a digest: whoever reads this table can't use it.
    """

    uuid = models.UUIDField(_("identifier"), default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="sessions", verbose_name=_("user"), db_index=False
    )
    key_digest = models.CharField(max_length=64, unique=True, editable=False)
    # Of what the session was signed in with: another password, or another second factor, and it is over.
    auth_digest = models.CharField(max_length=64, editable=False)
    user_agent = models.CharField(_("browser"), max_length=300, blank=True)
    address = models.CharField(_("address"), max_length=64, blank=True)
    started_at = models.DateTimeField(_("since"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    expires_at = models.DateTimeField(_("ends at the latest"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    objects = UserSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ("-last_seen_at", "-pk")
        permissions = [("end_usersession", _("Can end the sessions of users"))]
        indexes = [
            # One's own list, and the admin's of one user.
            models.Index(fields=["user", "last_seen_at"], name="session_of_user"),
            # The hourly removal.
            models.Index(fields=["expires_at"], name="session_expires"),
            # The admin list, last seen first.
            models.Index(fields=["-last_seen_at", "-id"], name="session_last_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.device}"

    @property
    def device(self) -> str:
        return describe_device(self.user_agent)
