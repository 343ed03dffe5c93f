"""The export of the audit trail in the admin: a form for the range, then the file."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.audit_export import FIRST_DAY, LAST_DAY, Format, Range, export_audit
from access.models import Participant

PERMISSION = "access.export_auditentry"


def _day(label: Any) -> forms.DateField:
    within = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
    picker = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(label=label, required=False, widget=picker, validators=within)


class ExportForm(forms.Form):
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=Format)
    since = _day(gettext_lazy("First day"))
    until = _day(gettext_lazy("Last day"))
    participant = forms.ModelChoiceField(
        label=gettext_lazy("Participant"),
        queryset=Participant.objects.order_by("name", "pk"),
        required=False,
        empty_label=gettext_lazy("All participants, and what belongs to none"),
        to_field_name="uuid",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first."))
        return cleaned


class ExportingMixin(admin.ModelAdmin):
    change_list_template = "access/admin/auditentry_change_list.html"

    def get_urls(self) -> list[URLPattern]:
        own = path("export/", self.admin_site.admin_view(self.export_view), name="access_auditentry_export")
        return [own, *super().get_urls()]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        shown = {"may_export": self.has_export_permission(request), **(extra_context or {})}
        return super().changelist_view(request, shown)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        form = ExportForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return _answer(request, form.cleaned_data)
        context = {"form": form, "opts": self.model._meta, "title": _("Export the audit trail")}
        everything = {**self.admin_site.each_context(request), **context}
        return TemplateResponse(request, "access/admin/auditentry_export.html", everything)


def _answer(request: HttpRequest, given: dict[str, Any]) -> StreamingHttpResponse:
    kind, by = Format(given["format"]), Actor.for_staff(request.user)  # type: ignore[arg-type]
    export = export_audit(Range(given["since"], given["until"], given["participant"]), kind, by=by)
    response = StreamingHttpResponse(export.lines, content_type=kind.content_type)
    response["Content-Disposition"] = f'attachment; filename="{export.name}"'
    return response
