from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import ReadOnlyPasswordHashField, ReadOnlyPasswordHashWidget
from django.contrib.auth.hashers import is_password_usable
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.models import User


class UserAddForm(forms.ModelForm):
    """A new user, with a password or, without one, with a mail to choose it."""

    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave it empty to send the user a mail with a link to choose a password."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "language")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        # After the instance has its fields: a password must not resemble them.
        password = self.cleaned_data.get("password")
        if password:
            try:
                password_validation.validate_password(password, self.instance)
            except ValidationError as errors:
                self.add_error("password", errors)

    def save(self, commit: bool = True) -> Any:
        self.instance.set_password(self.cleaned_data["password"] or None)
        return super().save(commit)


class PasswordSetWidget(ReadOnlyPasswordHashWidget):
    """Says whether there is a password, and nothing of it: parts of a hash help nobody who may look at this page."""

    def get_context(self, name: str, value: str | None, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        is_set = bool(value) and is_password_usable(value)
        context["summary"] = [{"label": gettext("A password is set.") if is_set else gettext("No password is set.")}]
        context["button_label"] = gettext("Set a new password")
        return context


class UserEditForm(forms.ModelForm):
    password = ReadOnlyPasswordHashField(
        label=_("Password"),
        widget=PasswordSetWidget,
        help_text=_("“Set a new password” is for you to type one. The list of users sends a mail to choose one."),
    )

    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007 (the admin's fieldsets choose)


class BlockForm(forms.Form):
    """Why a participant is blocked. `BlockForm` of a form that only unblocks has no field."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})
    )
