"""Permissions as people read them: Django keeps their names in the database, in the language of the day they came."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

ACTIONS = {
    "add": gettext_lazy("add"),
    "change": gettext_lazy("change"),
    "delete": gettext_lazy("delete"),
    "view": gettext_lazy("view"),
}
GROUPS_HELP = gettext_lazy("A user has all permissions of each of their groups.")


class PermissionsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Permission) -> str:
        action = ACTIONS.get(obj.codename.removesuffix(f"_{obj.content_type.model}"))
        return f"{capfirst(obj.content_type.name)}: {action or _own_name(obj)}"


class PermissionsMixin:
    """Offers the permissions that open something in the admin; the others would allow nothing."""

    admin_site: Any

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            kwargs["queryset"] = self._offered(request)
            kwargs["form_class"] = PermissionsField
            kwargs["help_text"] = ""
        if db_field.related_model in (Permission, Group):
            # Boxes: a list to choose from cuts long names off, and takes a script to be clear.
            kwargs["widget"] = forms.CheckboxSelectMultiple(attrs={"class": "choices"})
        if db_field.related_model is Group:
            kwargs["help_text"] = GROUPS_HELP
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def _offered(self, request: HttpRequest) -> QuerySet[Permission]:
        # A page without a table of its own has the permissions of a model that is not registered.
        codenames = {
            model: [*self._usable(model, request), *(codename for codename, _name in model._meta.permissions)]
            for model in apps.get_models()
        }
        wanted = Q(pk__in=())
        for model, kind in ContentType.objects.get_for_models(*codenames, for_concrete_models=False).items():
            wanted |= Q(content_type=kind, codename__in=codenames[model])
        order = "content_type__app_label", "content_type__model", "codename"
        return Permission.objects.filter(wanted).select_related("content_type").order_by(*order)

    def _usable(self, model: Any, request: HttpRequest) -> list[str]:
        """What may be done with rows of `model`: what its page refuses to a superuser too is no right to give."""
        if not self.admin_site.is_registered(model):
            return []
        able = self.admin_site.get_model_admin(model).get_model_perms(request)
        # Groups are the business of superusers, whatever others may be allowed.
        actions = ("view",) if model is Group else model._meta.default_permissions
        return [f"{action}_{model._meta.model_name}" for action in actions if able.get(action)]


def _own_name(permission: Permission) -> str:
    model = permission.content_type.model_class()
    names = dict(model._meta.permissions) if model else {}
    return str(names.get(permission.codename, permission.name))
