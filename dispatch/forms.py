"""What narrows the list of deliveries."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from access.actors import Actor
from dispatch.models import State
from dispatch.pages.listing import Chosen
from webhooks.models import Webhook


class DeliveryFilter(forms.Form):
    """From the address of the page. What is not understood narrows nothing: nobody typed it into a field."""

    webhook = forms.ModelChoiceField(
        label=_("Webhook"), queryset=Webhook.objects.none(), to_field_name="uuid", required=False,
        empty_label=_("All webhooks"),
    )  # fmt: skip
    state = forms.ChoiceField(label=_("State"), choices=[("", _("Any status")), *State.choices], required=False)
    q = forms.CharField(label=_("Search product"), max_length=100, required=False)

    def __init__(self, data: Any, *, actor: Actor) -> None:
        super().__init__(data)
        self.webhooks = Webhook.objects.for_actor(actor).only("uuid", "description").order_by("description", "pk")
        field = self.fields["webhook"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = self.webhooks

    def chosen(self) -> Chosen:
        self.is_valid()
        values = self.cleaned_data
        return Chosen(values.get("webhook"), values.get("state") or "", values.get("q") or "")
