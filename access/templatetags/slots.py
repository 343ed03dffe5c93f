"""`{% slot "webhook_row_state" webhook=webhook %}`: the html that a floor above puts at this place."""

from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from access import slots

register = template.Library()


@register.simple_tag(takes_context=True)
def slot(context: template.Context, name: str, **kwargs: Any) -> SafeString | str:
    answer = slots.call(name, context.get("request"), **kwargs)
    return "" if answer is None else conditional_escape(answer)
