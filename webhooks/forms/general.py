"""The fields that every webhook has, whatever its authentication (UNICO-12)."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from webhooks.auth.registry import METHODS
from webhooks.formats import FORMATS
from webhooks.models import Backoff, RatePeriod, StoppedReason, Webhook

ACTIVE = (("true", _("Active")), ("false", _("Inactive")))
YES_NO = (("true", _("Yes")), ("false", _("No")))
BACKOFF = ((Backoff.FIXED, Backoff.FIXED.label), (Backoff.EXPONENTIAL, _("Exponential")))
DEFAULTS = {
    "active": True,
    "notify_suspect_score": False,
    "retry_interval_minutes": 5,
    "max_attempts": 5,
    "backoff": Backoff.FIXED,
    "rate_limit_period_seconds": RatePeriod.MINUTE,
    "body_format": "documented",
    "auth_method": "none",
}


def _is_true(text: str) -> bool:
    return text == "true"


class BooleanChoice(forms.TypedChoiceField):
    """Yes or no that must be answered: a missing answer is refused, not taken for a no."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(coerce=_is_true, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value


class GeneralForm(forms.Form):
    use_required_attribute = False

    description = forms.CharField(
        label=_("Description"), max_length=120, widget=forms.TextInput({"autocomplete": "off"})
    )
    active = BooleanChoice(label=_("Status"), choices=ACTIVE)
    request_uri = forms.CharField(
        label=_("Request URI"),
        max_length=2048,
        widget=forms.URLInput({"placeholder": "https://", "autocomplete": "off", "spellcheck": "false"}),
    )
    notify_suspect_score = BooleanChoice(label=_("Notify suspect score changes"), choices=YES_NO)
    retry_interval_minutes = forms.IntegerField(
        label=_("Retry interval in minutes"),
        help_text=_("Time between the attempts of one notification: 1 to 1,440."),
        widget=forms.NumberInput({"min": 1, "max": 1440, "inputmode": "numeric"}),
    )
    max_attempts = forms.IntegerField(
        label=_("Maximum number of attempts"),
        help_text=_("The first attempt counts: 1 to 20."),
        widget=forms.NumberInput({"min": 1, "max": 20, "inputmode": "numeric"}),
    )
    backoff = forms.ChoiceField(
        label=_("Back-off"),
        choices=BACKOFF,
        widget=forms.RadioSelect,
        help_text=_("Exponential doubles the interval with every attempt, up to 12 hours."),
    )
    body_format = forms.ChoiceField(label=_("Body format"), widget=forms.Select)
    auth_method = forms.ChoiceField(label=_("Authentication type"), widget=forms.Select)
    rate_limit_count = forms.IntegerField(
        label=_("Rate limit"),
        required=False,
        widget=forms.NumberInput({"min": 1, "max": 10_000, "inputmode": "numeric"}),
        help_text=_("At most this many requests in each period; the others wait. Empty: no limit."),
    )
    rate_limit_period_seconds = forms.TypedChoiceField(
        label=_("requests per"), choices=RatePeriod.choices, coerce=int, required=False, empty_value=None
    )
    private_ca = forms.CharField(
        label=_("Private certificate authority"),
        required=False,
        strip=True,
        widget=forms.Textarea({"rows": 4, "class": "input-mono", "spellcheck": "false"}),
        help_text=_(
            "PEM text, only if the receiver's certificate does not come from a public authority. "
            "Then only this authority counts."
        ),
    )
    resume = forms.BooleanField(label=_("Start sending to this address again"), required=False)
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, webhook: Webhook | None = None, typed: QueryDict | None = None
    ) -> None:
        super().__init__(data, initial=_initial(webhook) | (typed.dict() if typed else {}))
        formats = [(each.name, each.label) for each in FORMATS.values()]
        self.fields["body_format"].choices = formats  # type: ignore[attr-defined]
        methods = [(method.name, method.label) for method in METHODS.values()]
        self.fields["auth_method"].choices = methods  # type: ignore[attr-defined]
        if webhook is None:
            self.fields["description"].widget.attrs["autofocus"] = True
            del self.fields["seen_version"]
        if webhook is None or not webhook.stopped or webhook.stopped_reason == StoppedReason.PAUSED:
            del self.fields["resume"]

    def chosen_method(self) -> str:
        """Return the authentication type to show: the one just posted, the stored one, or none."""
        posted = str(self["auth_method"].value())
        return posted if posted in METHODS else "none"

    def value(self, name: str) -> Any:
        """Return the cleaned value, or the default where what was typed is no value at all."""
        cleaned = self.cleaned_data.get(name)
        return DEFAULTS.get(name) if cleaned is None or cleaned == "" else cleaned


def _initial(webhook: Webhook | None) -> dict[str, Any]:
    if webhook is None:
        return dict(DEFAULTS)
    plain = {name: getattr(webhook, name) for name in GeneralForm.base_fields if hasattr(webhook, name)}
    version = webhook.current_version
    period = webhook.rate_limit_period_seconds or RatePeriod.MINUTE
    return plain | {"rate_limit_period_seconds": period, "seen_version": version.number if version else None}
