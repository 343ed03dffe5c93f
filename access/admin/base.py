"""The admin's side of the audit trail: what staff save, add or delete in a form leaves an audit row."""

from typing import Any, cast

from django.contrib import admin
from django.db import models
from django.db.models.fields.files import FieldFile
from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from access import audit
from access.actors import Actor
from access.models import Participant
from vault.fields import SealedField

# What moves by itself, or must not be shown.
_LEFT_OUT = {"id", "uuid", "password", "last_login", "created_at", "updated_at"}


class ReadOnlyMixin:
    """Rows that staff look at and nobody adds, changes or deletes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AuditedAdmin(admin.ModelAdmin):
    """A ModelAdmin whose writes, those of its inlines included, are recorded in the transaction that Django opens.

    Sealed columns are left out; a model with a column that is better not told names it in `audit_left_out`.
    """

    audit_left_out: tuple[str, ...] = ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.audit_before = self.take_snapshot(self.opts.base_manager.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # Only now: many-to-many columns were saved a line ago.
        after = self.take_snapshot(self.opts.base_manager.get(pk=form.instance.pk))
        self.record_saved(request, form.instance, form.audit_before, after)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        before = self._snapshots_of(formset)
        super().save_formset(request, form, formset, change)
        for obj in [*formset.new_objects, *(changed for changed, _ in formset.changed_objects)]:
            self.record_saved(request, obj, before.get(id(obj), {}), self.take_snapshot(obj))
        for obj in formset.deleted_objects:
            self.record_deleted(request, obj, before.get(id(obj), {}))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.record_deleted(request, obj, self.take_snapshot(obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.record_deleted(request, obj, self.take_snapshot(obj))
        super().delete_queryset(request, queryset)

    def record_saved(self, request: HttpRequest, obj: models.Model, before: dict, after: dict) -> None:
        changed_before, changed_after = audit.changes(before, after)
        if changed_after:
            verb = "updated" if before else "created"
            self._record(request, obj, verb, before=changed_before, after=changed_after)

    def record_deleted(self, request: HttpRequest, obj: models.Model, before: dict) -> None:
        self._record(request, obj, "deleted", before=before, after={})

    def take_snapshot(self, obj: models.Model) -> dict[str, Any]:
        """Return the values of an object's columns as the trail keeps them: names of related rows, no secrets."""
        left_out = _LEFT_OUT | set(self.audit_left_out)
        columns = [field for field in obj._meta.concrete_fields if field.name not in left_out and not _is_secret(field)]
        values = {field.name: _readable(getattr(obj, field.name)) for field in columns}
        for field in obj._meta.many_to_many:
            values[field.name] = sorted(str(each) for each in getattr(obj, field.name).all())
        return values

    def _record(self, request: HttpRequest, obj: models.Model, verb: str, **values: dict) -> None:
        participant = obj if isinstance(obj, Participant) else getattr(obj, "participant", None)
        by = Actor.for_staff(request.user)  # type: ignore[arg-type]
        audit.record(by=by, action=f"{obj._meta.label_lower}.{verb}", obj=obj, participant=participant, **values)

    def _snapshots_of(self, formset: BaseInlineFormSet) -> dict[int, dict[str, Any]]:
        # By the object, not by its primary key: a deleted one has lost it.
        touched = {form.instance.pk: form.instance for form in formset.initial_forms if form.has_changed()}
        rows = cast(type[models.Model], formset.model)._meta.base_manager.filter(pk__in=touched)
        return {id(touched[row.pk]): self.take_snapshot(row) for row in rows}


def _is_secret(field: models.Field) -> bool:
    # Reading the attribute would open it.
    return isinstance(field, SealedField)


def _readable(value: Any) -> Any:
    return str(value) if isinstance(value, models.Model | FieldFile) else value
