"""Erasing a participant in the admin: a page says what would go, asks for its CNPJ and a reason, and then orders it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import actions, slots
from access.actors import Actor
from access.errors import ActionError
from access.fields import CnpjFormField
from access.models import Erasure, Participant

PERMISSION = "access.erase_participant"


class EraseForm(forms.Form):
    """Takes the number of the very participant, typed once more: no slip of a finger erases anybody."""

    cnpj = CnpjFormField(label=gettext_lazy("CNPJ of the participant, once more"))
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Kept for ever, so name no person: a number of your own request or contract will do."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
    )

    def __init__(self, participant: Participant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._participant = participant

    def clean_cnpj(self) -> str:
        typed: str = self.cleaned_data["cnpj"]
        if typed != self._participant.cnpj:
            raise ValidationError(_("This is not the CNPJ of %(name)s.") % {"name": self._participant.name})
        return typed


class ErasingMixin(admin.ModelAdmin):
    """Adds the page to the admin of participants. A job does the work; the page shows how far it is."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.erase_view)
        return [path("<int:pk>/erase/", view, name="access_participant_erase"), *super().get_urls()]

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What is left of an erased one is nobody's to fill again.
        if obj is not None and Erasure.objects.filter(participant=obj).exists():
            return False
        return super().has_change_permission(request, obj)

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_erase_permission(request):
            raise PermissionDenied
        participant = get_object_or_404(Participant, pk=pk)
        erasure = Erasure.objects.filter(participant=participant).first()
        form = EraseForm(participant, request.POST or None)
        if request.method == "POST" and not erasure and form.is_valid():
            return self._order(request, participant, form.cleaned_data["reason"])
        context = {
            "title": _("Erase a participant"),
            "participant": participant,
            "erasure": erasure,
            "form": form,
            "plan": slots.call("erasure_plan", participant) or [],
            "opts": self.model._meta,
        }
        everything = {**self.admin_site.each_context(request), **context}
        return TemplateResponse(request, "access/admin/participant_erase.html", everything)

    def _order(self, request: HttpRequest, participant: Participant, reason: str) -> HttpResponse:
        by = Actor.for_staff(request.user)  # type: ignore[arg-type]
        try:
            actions.request_erasure(participant, reason=reason, by=by)
        except ActionError as refused:
            self.message_user(request, refused.message, messages.ERROR)
        else:
            words = _("%(name)s is blocked and being erased. This page shows how far it is.")
            self.message_user(request, words % {"name": participant.name}, messages.SUCCESS)
        return redirect(reverse("admin:access_participant_erase", args=[participant.pk]))
