"""Refusals at start-up: a kind of notice whose mail could not be written."""

from typing import Any

from django.core.checks import CheckMessage, Error, register
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


def _exists(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    return True
