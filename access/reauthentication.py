"""The password of who is signed in, asked for again before something secret is shown or replaced.

A session that was left open, or taken over, must not be enough for that. allauth judges the password, with the limits
of its own page for this (`reauthenticate` in ACCOUNT_RATE_LIMITS); the page that asks keeps its place.
"""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from access.requests import PortalRequest


class PasswordAgainForm(forms.Form):
    """One field, judged for the user of the request: `is_valid()` says whether it is really them.

    Bind it in the very POST whose answer shows the secret, and leave an audit entry of what was shown.
    """

    use_required_attribute = False

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )

    def __init__(self, data: Any = None, *, request: PortalRequest) -> None:
        super().__init__(data)
        self._request = request

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        user = self._request.user
        if not ratelimit.consume(self._request, action="reauthenticate", user=user):
            raise ValidationError(_("Too many attempts. Wait a minute and try again."), code="too_many_attempts")
        if not get_adapter(self._request).reauthenticate(user, password):
            raise ValidationError(_("This is not your password."), code="incorrect_password")
        return password
