"""Shapes of the catalogue's forms."""

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.periods import Periodicity


class PublicationFilter(forms.Form):
    """What of the catalogue is shown. A value that makes no sense narrows nothing."""

    q = forms.CharField(label=_("Search product or process"), max_length=100, required=False)
    periodicity = forms.ChoiceField(
        label=_("Periodicity"), choices=[("", _("Every periodicity")), *Periodicity.choices], required=False
    )

    def chosen(self, name: str) -> str:
        self.is_valid()
        return str(self.cleaned_data.get(name, ""))
