"""From a field of a kind to a control of a form. The kind judges the values; a form only reads and shows them."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from connections.forms.secrets import SecretInput, SecretTextarea
from connections.kinds.field import CHOICE, INTEGER, LIST, TEXTAREA, URL, Field

_LINES = _("One on each line.")
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class Unjudged(forms.CharField):
    """Its required mark is shown, but its value is judged by whoever asked for it, and only where it is asked for."""

    def validate(self, value: Any) -> None:
        pass

    def run_validators(self, value: Any) -> None:
        pass


class UnjudgedChoice(forms.ChoiceField):
    def validate(self, value: Any) -> None:
        pass


class UnjudgedFile(forms.FileField):
    def clean(self, data: Any, initial: Any = None) -> Any:
        return data


class UnjudgedList(Unjudged):
    """One text a line; blank lines don't count."""

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value


def make_field(field: Field, *, stored: bool = False, set_at: datetime | None = None) -> forms.Field:
    """Return the control. `stored`: a secret is there already, set at `set_at`, and may be left as it is."""
    made = UnjudgedList if field.widget == LIST else Unjudged
    return made(
        label=field.label,
        required=field.required and not stored,
        strip=not field.secret and field.widget != TEXTAREA,
        help_text=stored_words(set_at) if stored else field.help_text or (_LINES if field.widget == LIST else ""),
        widget=_widget(field),
    )


def stored_words(set_at: datetime | None) -> Any:
    day = date_format(localtime(set_at), "SHORT_DATE_FORMAT") if set_at else "–"
    return format_lazy(_("Value set on {day} and never shown. Leave it empty to keep it."), day=day)


def _widget(field: Field) -> forms.Widget:
    attrs: dict[str, Any] = {"class": "input-mono"} if field.technical else {}
    if field.secret:
        return SecretTextarea(attrs) if field.widget == TEXTAREA else SecretInput(attrs)
    if field.widget == CHOICE:
        return forms.Select(choices=field.choices)
    if field.widget in (TEXTAREA, LIST):
        return forms.Textarea({"rows": 3} | _PLAIN | attrs)
    if field.widget == URL:
        return forms.URLInput({"placeholder": "https://"} | _PLAIN)
    if field.widget == INTEGER:
        bounds = {"min": field.minimum, "max": field.maximum} if field.maximum else {}
        return forms.NumberInput({"inputmode": "numeric"} | bounds | attrs)
    return forms.TextInput(_PLAIN | attrs)
