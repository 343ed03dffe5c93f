from django import forms
from django.conf import settings

from access.roles import Theme


class PreferencesForm(forms.Form):
    """Language and theme, either or both: each menu sends its own."""

    language = forms.ChoiceField(choices=settings.LANGUAGES, required=False)
    theme = forms.ChoiceField(choices=Theme.choices, required=False)
