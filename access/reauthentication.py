"""Who is signed in proves once more who they are, before a credential is created, replaced or shown.

A session that was left open, or taken over, must not be enough for that. What proves it is the password, or for people
with a second factor one of its codes. A proof holds in the session for PORTAL_REAUTHENTICATION_MINUTES; signing in
gives the first (docs/adr/0014).

A page with a form of its own asks inside it: `Proof`, and templates/components/_proof.html. Any other page carries
`proof_required`, which leads to a page that asks and back.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from access.errors import ActionError
from access.mfa.codes import has_mfa, verify_code
from access.models import User
from access.requests import PortalRequest

SESSION_KEY = "proof"
PREFIX = "again"
PASSWORD, CODE = "password", "code"
# Two machines' clocks never agree to the second.
CLOCK_TOLERANCE_SECONDS = 5


def has_recent_proof(request: HttpRequest) -> bool:
    """Whether who is signed in has proved who they are a few minutes ago, by the best that they have: after somebody
    sets up a second factor, a proof by password counts no more. At most one query."""
    proof = _find_proof(request)
    return proof is not None and (proof.get("by") == CODE or not has_mfa(cast(User, request.user)))


def _find_proof(request: HttpRequest) -> dict[str, Any] | None:
    """Return what the session remembers of its user, while it holds. No query."""
    user, proof = request.user, request.session.get(SESSION_KEY)
    if not isinstance(user, User) or not isinstance(proof, dict) or proof.get("user") != str(user.uuid):
        return None
    age = timezone.now().timestamp() - float(proof.get("at", 0))
    holds = -CLOCK_TOLERANCE_SECONDS <= age < settings.PORTAL_REAUTHENTICATION_MINUTES * 60
    return proof if holds else None


def record_proof(request: HttpRequest, *, by: str) -> None:
    """Remember in the session that its user has just given PASSWORD or CODE."""
    user, now = cast(User, request.user), timezone.now()
    request.session[SESSION_KEY] = {"user": str(user.uuid), "at": now.timestamp(), "by": by}


def forget_proof(request: HttpRequest) -> None:
    """Ask again next time, whatever was proved."""
    request.session.pop(SESSION_KEY, None)


class CodeInput(forms.TextInput):
    """Never sent back: a recovery code that was typed with one thing wrong is still worth something."""

    def format_value(self, value: Any) -> None:
        return None


class PasswordAgainForm(forms.Form):
    """One field, judged for the user of the request: `is_valid()` says whether it is really them.

    It asks for the password; people with a second factor are asked for a code of it instead, because a browser that was
    left open may fill in the password by itself. Its names begin with `again-`: it stands amid other forms.
    """

    use_required_attribute = False

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label=gettext_lazy("Code of your authenticator app"),
        max_length=64,
        help_text=gettext_lazy("Without your telephone: one of your recovery codes."),
        widget=CodeInput({"autocomplete": "one-time-code", "spellcheck": "false", "class": "input-mono"}),
    )

    def __init__(self, data: Any = None, *, request: HttpRequest) -> None:
        super().__init__(data, prefix=PREFIX)
        self._request = cast(PortalRequest, request)
        self.by = CODE if has_mfa(self._request.user) else PASSWORD
        del self.fields[PASSWORD if self.by == CODE else CODE]

    @property
    def typed(self) -> str | None:
        """What was given, nothing judged; None when the page had no such field."""
        return self.data.get(self.add_prefix(self.by))

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        user = self._request.user
        if not ratelimit.consume(self._request, action="reauthenticate", user=user):
            raise ValidationError(_("Too many attempts. Wait a minute and try again."), code="too_many_attempts")
        if not get_adapter(self._request).reauthenticate(user, password):
            raise ValidationError(_("This is not your password."), code="incorrect_password")
        return password

    @sensitive_variables("code")
    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            verify_code(self._request.user, code, request=self._request)
        except ActionError as refused:
            raise ValidationError(refused.message, code=refused.code) from None
        return code


class Proof:
    """What one request knows of its user's proof, for a page that asks within its own form.

    `given`: there is one, recent or just typed; what was typed is judged at once, whatever else the form holds, so that
    nobody types it twice. `asked`: the page was refused for want of it and shows the panel.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.asked = False
        if request.method != "POST":
            # Nothing is done by looking: whether the field stands in the form is not worth a query.
            self.given = _find_proof(request) is not None
            return
        self.given = has_recent_proof(request)
        if not self.given:
            self._read()

    @cached_property
    def form(self) -> PasswordAgainForm:
        return PasswordAgainForm(request=self._request)

    def _read(self) -> None:
        posted = PasswordAgainForm(self._request.POST, request=self._request)
        if posted.typed is None:
            return
        self.form = posted
        if posted.typed == "":
            # Left empty where nobody knew yet whether it is needed; once it is, the field says that it was empty.
            return
        if posted.is_valid():
            self.given = True
            record_proof(self._request, by=posted.by)
        else:
            self.ask()

    def ask(self) -> bool:
        """Return whether the proof is still to be given; the page then shows the panel, and the keyboard is in it."""
        self.asked = not self.given
        if self.asked:
            self.form.fields[self.form.by].widget.attrs["autofocus"] = True
        return self.asked

    @property
    def minutes(self) -> int:
        """How long one holds."""
        return settings.PORTAL_REAUTHENTICATION_MINUTES


View = Callable[..., HttpResponse]


def proof_required(view: View) -> View:
    """For pages of signed-in people without a form for the proof: leads to the page that asks, and back by GET. What a
    POST carried is not kept: it may hold a secret."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if has_recent_proof(request):
            return view(request, *args, **kwargs)
        return ask_on_own_page(request)

    return guarded


def ask_on_own_page(request: HttpRequest) -> HttpResponse:
    """Return the way to the page that asks; it leads back to this one."""
    url = f"{reverse('account_reauthenticate')}?{urlencode({'next': request.get_full_path()})}"
    if request.headers.get("HX-Request") != "true":
        return HttpResponseRedirect(url)
    response = HttpResponse()
    response["HX-Redirect"] = url
    return response
