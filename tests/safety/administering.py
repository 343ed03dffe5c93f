"""The administration's change pages used as a browser does: what a page shows is posted back as it stands."""

from typing import Any

from django.contrib import admin
from django.test import Client
from django.urls import reverse


def fields_of(form: Any) -> dict[str, Any]:
    """What a browser would post of a form as it was shown."""
    pairs = [pair for bound in form for pair in _spread(bound.field.widget, bound.html_name, bound.value())]
    return {name: value for name, value in pairs if value is not None and value is not False and value != ""}


def _spread(widget: Any, name: str, value: Any) -> list[tuple[str, Any]]:
    """A value under the names of its inputs: a moment has two."""
    inner = getattr(widget, "widgets", None)
    if inner is None:
        return [(name, value)]
    return [
        (f"{name}{suffix}", part) for suffix, part in zip(widget.widgets_names, widget.decompress(value), strict=True)
    ]


def form_on(page: Any) -> dict[str, Any]:
    """All fields of a change page, those of its inlines included."""
    found = fields_of(page.context["adminform"].form)
    for inline in page.context["inline_admin_formsets"]:
        found |= fields_of(inline.formset.management_form)
        for form in inline.formset.initial_forms:
            found |= fields_of(form)
    return found


def save_everything(client: Client) -> int:
    """Save one row of each model that the administration lets its user change; returns how many could be saved."""
    saved = 0
    for model in admin.site._registry:
        row = model._default_manager.first()
        if row is None:
            continue
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        page = client.get(path)
        if page.status_code == 200 and page.context.get("has_change_permission"):
            saved += client.post(path, form_on(page)).status_code == 302
    return saved
