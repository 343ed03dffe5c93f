"""Permissions as people read them: Django keeps their names in the database, in English."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext, gettext_lazy

ACTIONS = {
    "add": gettext_lazy("add"),
    "change": gettext_lazy("change"),
    "delete": gettext_lazy("delete"),
    "view": gettext_lazy("view"),
}


class PermissionsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Permission) -> str:
        action = ACTIONS.get(obj.codename.removesuffix(f"_{obj.content_type.model}"))
        return f"{obj.content_type} | {action or gettext(obj.name)}"


class PermissionsMixin:
    """Offers the permissions of what has a page in the admin; the others would allow nothing."""

    admin_site: Any

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            models = apps.get_models()
            # A page without a table of its own has the permissions of a model that is not registered.
            shown = [each for each in models if self.admin_site.is_registered(each) or each._meta.permissions]
            kinds = ContentType.objects.get_for_models(*shown).values()
            kwargs["queryset"] = Permission.objects.filter(content_type__in=kinds).select_related("content_type")
            kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]
