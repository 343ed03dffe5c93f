"""Passwords of others are set in the admin by somebody who has just proved who they are (access.reauthentication)."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from access.models import User
from access.reauthentication import ask_on_own_page, has_recent_proof
from access.sessions import find_live


class ProofMixin:
    """For the admin of users. The question comes before the form, so that nothing typed is lost."""

    get_object: Any
    has_add_permission: Any
    has_change_permission: Any

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        asks = request.method != "POST" or request.POST.get("password")
        if asks and self.has_add_permission(request) and not has_recent_proof(request):
            return ask_on_own_page(request)
        return super().add_view(request, form_url, extra_context)  # type: ignore[misc]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        user = self.get_object(request, unquote(id))
        if self.has_change_permission(request, user) and not has_recent_proof(request):
            return ask_on_own_page(request)
        return super().user_change_password(request, id, form_url)  # type: ignore[misc]

    @admin.display(description=gettext_lazy("signed in"))
    def signed_in(self, user: User) -> SafeString:
        count = len(find_live(user))
        words = ngettext("in %(n)s browser", "in %(n)s browsers", count) % {"n": count}
        query = urlencode({"user__id__exact": str(user.pk), "state": "running"})
        return format_html('<a href="{}?{}">{}</a>', reverse("admin:access_usersession_changelist"), query, words)
