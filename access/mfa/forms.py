"""Where codes are typed."""

import time
from typing import Any

from allauth.core import context
from allauth.mfa.base.internal.flows import post_authentication
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from access.errors import ActionError
from access.mfa import codes, second_step, totp
from access.models import User
from access.reauthentication import CodeInput
from access.requests import PortalRequest


class CodeField(forms.CharField):
    """Six digits of an app, or a recovery code: digits too, so that a telephone shows those keys."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false", "class": "code-input"}
        kwargs.setdefault("max_length", 20)
        super().__init__(widget=CodeInput(attrs), **kwargs)


class SignInCodeForm(forms.Form):
    """The second step of a sign-in; allauth's view makes it, for the person whose password was right."""

    use_required_attribute = False

    code = CodeField(
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("The six digits that your app shows now. Without the app: one of your recovery codes."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self.fields["code"].widget.attrs["autofocus"] = True

    @sensitive_variables("code")
    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self._factor = codes.verify_code(self._user, code, request=context.request)
        except ActionError as error:
            raise ValidationError(error.message, code=error.code) from None
        return code

    def save(self) -> None:
        """Let the sign-in go on; called by allauth's view."""
        post_authentication(context.request, self._factor)
        second_step.keep(context.request, self._user)


class SetUpForm(forms.Form):
    """The first code of a new app: it shows that the app has the seed before anything depends on it."""

    use_required_attribute = False

    code = CodeField(label=gettext_lazy("Code in the app"), max_length=10)

    def __init__(self, data: Any = None, *, seed: str, request: PortalRequest) -> None:
        super().__init__(data)
        self._seed, self._request = seed, request

    @sensitive_variables("code")
    def clean_code(self) -> str:
        code: str = "".join(self.cleaned_data["code"].split())
        try:
            codes.consume_try(self._request.user, request=self._request)
        except ActionError as error:
            raise ValidationError(error.message, code=error.code) from None
        step = totp.find_step(self._seed, code, moment=time.time())
        if step is None:
            words = _(
                "This is not the code that the app shows now. Check that the clock of the telephone is right. If you "
                "opened this page twice, scan the picture below anew."
            )
            raise ValidationError(words, code="incorrect_code")
        codes.forget_tries(self._request.user, request=self._request)
        self.step = step
        return code
