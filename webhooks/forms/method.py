"""The area of the form that belongs to one authentication method, made from the settings it asks for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from vault.kept import Kept
from webhooks.auth.method import AuthMethod, Setting
from webhooks.drafts import stored_auth_secrets
from webhooks.forms.secrets import SecretInput, given_or_kept
from webhooks.models import Webhook

CLEAR = "clear_"


class SettingField(forms.CharField):
    """Its required mark is shown, but the method itself judges the value: only for the method that was chosen."""

    def validate(self, value: Any) -> None:
        pass

    def run_validators(self, value: Any) -> None:
        pass


class MethodForm(forms.Form):
    """The settings of `method`; its values are those of the webhook only while that is the webhook's method."""

    use_required_attribute = False

    def __init__(
        self,
        method: AuthMethod,
        data: QueryDict | None = None,
        *,
        webhook: Webhook | None = None,
        typed: QueryDict | None = None,
    ) -> None:
        self.method = method
        mine = webhook if webhook and webhook.auth_method == method.name else None
        self.stored = frozenset(stored_auth_secrets(mine))
        initial = dict(mine.auth_settings) if mine else _defaults(method)
        super().__init__(data, prefix=method.name, initial=initial | (_typed(method, typed) if typed else {}))
        for setting in method.fields:
            self._add(setting, mine.auth_secrets_set_at if mine else None)

    def _add(self, setting: Setting, set_at: datetime | None) -> None:
        stored = setting.secret and setting.name in self.stored
        attrs = {"class": "input-mono"} if setting.technical else {}
        self.fields[setting.name] = SettingField(
            label=setting.label,
            required=setting.required and not stored,
            strip=not setting.secret and setting.technical,
            help_text=_stored_words(setting, set_at) if stored else setting.help_text,
            widget=SecretInput(attrs) if setting.secret else forms.TextInput({"autocomplete": "off"} | attrs),
        )
        if stored and not setting.required:
            label = format_lazy(_("Remove the stored value: {label}"), label=setting.label)
            self.fields[CLEAR + setting.name] = forms.BooleanField(label=label, required=False)

    def settings(self) -> dict[str, str]:
        return {setting.name: self._text(setting.name) for setting in self.method.fields if not setting.secret}

    def secrets(self) -> Mapping[str, str | Kept]:
        return {name: self._secret(name) for name in self.method.secret_names()}

    def typed_secrets(self, posted: QueryDict) -> list[Any]:
        """Return the labels of the secrets that were typed: a page rendered anew shows them empty."""
        names = [name for name in self.method.secret_names() if posted.get(self.add_prefix(name))]
        return [self.fields[name].label for name in names]

    def _secret(self, name: str) -> str | Kept:
        if self.cleaned_data.get(CLEAR + name) and not self._text(name):
            return ""
        return given_or_kept(self._text(name))

    def _text(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")


def _defaults(method: AuthMethod) -> dict[str, str]:
    return {setting.name: setting.default for setting in method.fields if setting.default}


def _typed(method: AuthMethod, typed: QueryDict) -> dict[str, str]:
    return {each.name: typed.get(f"{method.name}-{each.name}", "") for each in method.fields if not each.secret}


def _stored_words(setting: Setting, set_at: datetime | None) -> Any:
    day = date_format(localtime(set_at), "SHORT_DATE_FORMAT") if set_at else "–"
    return format_lazy(_("Set on {day} and never shown. Leave it empty to keep it."), day=day)
