"""Refusals at start-up: a kind of notice whose mail could not be written, an operator who could not be reached."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from notices import kinds


@register("gancho")
def check_templates(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"The mail of notices of kind {kind.code!r} is missing: {kind.template}.", id="notices.E001")
        for kind in kinds.list_kinds()
        if not _exists(kind.template)
    ]


@register("gancho")
def check_operator_addresses(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if all(map(_is_address, settings.PORTAL_OPERATOR_EMAILS)):
        return []
    hint = "Addresses with commas between them and nothing else: night@operator.example,day@operator.example"
    return [Error("PORTAL_OPERATOR_EMAILS is no list of e-mail addresses.", hint=hint, id="notices.E002")]


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _exists(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    return True
