"""Mails about one's second factor: whoever changed it, its owner hears of it."""

from enum import Enum

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from access import request_context
from access.models import User


class Change(Enum):
    """What happened; the value names the templates of the mail."""

    ENABLED = "mfa_enabled"
    REPLACED = "mfa_replaced"
    CODES_RENEWED = "recovery_codes_renewed"
    DISABLED = "mfa_disabled"
    RESET = "mfa_reset"
    GUESSED = "mfa_guessed"


def send_change(user: User, change: Change) -> None:
    """Mail `user` what happened, when, and from which address. Raises OSError when the mail can't be sent."""
    with translation.override(user.language):
        context = {
            "user": user,
            "change": change.value,
            "now": timezone.now(),
            "address": request_context.address.get(),
            "operator": settings.PORTAL_OPERATOR_NAME,
            "url": f"{settings.PORTAL_BASE_URL}{reverse('mfa_index')}",
        }
        subject = " ".join(render_to_string("mfa/email/change_subject.txt", context).split())
        message = render_to_string("mfa/email/change_message.txt", context).strip()
    send_mail(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject}", message, None, [user.email])
