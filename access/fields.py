"""Columns with one spelling: an e-mail address in small letters, a CNPJ without punctuation."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from access import cnpj


class LowercaseEmailField(models.EmailField):
    """Stored and looked up in small letters, so that `unique` also means "whatever the case"."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value.strip().lower() if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value.lower() if isinstance(value, str) else value


class CnpjFormField(forms.CharField):
    """Takes a CNPJ with or without punctuation, gives its 14 characters."""

    def __init__(self, **kwargs: Any) -> None:
        # Room for the punctuation and for blanks that came with a copied value; validation counts the rest.
        kwargs["max_length"] = 40
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if text in self.empty_values:
            return ""
        try:
            return cnpj.validate(text)
        except cnpj.CnpjRefused as refusal:
            raise ValidationError(refusal.message, code=refusal.code) from refusal

    def prepare_value(self, value: Any) -> Any:
        return cnpj.format_cnpj(value) if isinstance(value, str) and len(value) == cnpj.LENGTH else value


class CnpjField(models.CharField):
    """A CNPJ, numeric or alphanumeric, stored as 14 characters without punctuation."""

    description = _("CNPJ")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = cnpj.LENGTH
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, kwargs

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return cnpj.normalise(value) if isinstance(value, str) else value

    def validate(self, value: Any, model_instance: Any) -> None:
        super().validate(value, model_instance)
        try:
            cnpj.validate(value)
        except cnpj.CnpjRefused as refusal:
            raise ValidationError(refusal.message, code=refusal.code) from refusal

    def formfield(self, **kwargs: Any) -> Any:
        kwargs.pop("max_length", None)
        return super().formfield(form_class=CnpjFormField, **kwargs)
