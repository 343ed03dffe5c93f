"""Seeing as a participant, from the admin: a page asks why, and the portal opens as a viewer of theirs sees it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import seeing
from access.errors import ActionError
from access.models import Participant


class SeeingForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("Kept in the audit trail, with your name and the time."),
    )


class SeeingMixin(admin.ModelAdmin):
    """Adds the page to the admin of participants."""

    def get_urls(self) -> list[URLPattern]:
        see = self.admin_site.admin_view(self.see_view)
        return [path("<int:pk>/see/", see, name="access_participant_see"), *super().get_urls()]

    def has_see_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(seeing.PERMISSION)

    def see_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question, and by POST the beginning."""
        if not self.has_see_permission(request):
            raise PermissionDenied
        participant = get_object_or_404(Participant, pk=pk)
        form = SeeingForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                seeing.begin(request, participant, reason=form.cleaned_data["reason"])  # type: ignore[arg-type]
            except ActionError as refused:
                form.add_error(None, str(refused.message))
            else:
                return redirect("/")
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("See as participant"),
            "participant": participant,
            "form": form,
            "minutes": seeing.LASTS.seconds // 60,
        }
        return TemplateResponse(request, "access/admin/participant_see.html", context)
