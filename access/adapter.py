"""Our answers to django-allauth: nobody signs up alone, mails speak the reader's language, sign-ins leave a trace."""

from typing import Any, cast

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.views.decorators.debug import sensitive_variables

from access import audit, choices, request_context, seeing
from access.actors import Actor
from access.mfa import second_step
from access.models import User
from access.reauthentication import CODE, PASSWORD, record_proof
from access.requests import PortalRequest

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        ours = {"allauth.mfa.stages.AuthenticateStage": "access.mfa.stage.CodeStage"}
        return [ours.get(path, path) for path in super().get_login_stages()]

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that sign-in limits count by: the same one as in the audit trail."""
        return request_context.client_address(request)

    def get_reset_password_from_key_url(self, key: str) -> str:
        # Not from the Host header: whoever asks for the mail could choose it.
        uid, _, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.PORTAL_BASE_URL}{path}"

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        with translation.override(user.language):
            super().send_password_reset_mail(user, user.email, context)

    def login(self, request: HttpRequest, user: User) -> None:
        with transaction.atomic():
            super().login(request, user)
            # Whoever has just signed in is not asked again at once, on the way to setting up a second factor above all.
            record_proof(request, by=CODE if second_step.is_kept(request, user) else PASSWORD)
            audit.record(by=Actor.for_self(user), action="access.user.signed_in", obj=user)
            choices.take_over(request, user)

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        with transaction.atomic():
            if isinstance(user, User):
                seeing.end(cast(PortalRequest, request))
                audit.record(by=Actor.for_self(user), action="access.user.signed_out", obj=user)
            super().logout(request)

    def set_password(self, user: User, password: str) -> None:
        """Both ways to a new password end here: the change by its owner and the link from a mail."""
        with transaction.atomic():
            super().set_password(user, password)
            audit.record(by=Actor.for_self(user), action="access.user.password_changed", obj=user)

    @sensitive_variables()
    def reauthenticate(self, user: User, password: str) -> bool:
        # allauth's own looks the address up in its second list of addresses, which this portal leaves empty.
        found = self.authenticate(context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk and found.is_active

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        # To the log, not to the trail: whoever guesses passwords must not fill a table that nobody may empty.
        log.warning("sign_in_failed")
