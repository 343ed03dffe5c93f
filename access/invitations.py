"""The mail that lets a new user choose a password."""

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from access.models import User


def send_invitation(user: User) -> None:
    """Mail `user` a link to choose a password, in the user's language. Raises OSError when the mail can't be sent.

    The link works once, for PASSWORD_RESET_TIMEOUT seconds, as the one of a forgotten password does.
    """
    with translation.override(user.language):
        context = {"user": user, "url": _password_url(user), "operator": settings.PORTAL_OPERATOR_NAME}
        subject = " ".join(render_to_string("access/email/invitation_subject.txt", context).split())
        message = render_to_string("access/email/invitation_message.txt", context).strip()
    send_mail(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject}", message, None, [user.email])


def _password_url(user: User) -> str:
    key = default_token_generator.make_token(user)
    names = {"uidb36": user_pk_to_url_str(user), "key": key}
    return f"{settings.PORTAL_BASE_URL}{reverse('account_reset_password_from_key', kwargs=names)}"
