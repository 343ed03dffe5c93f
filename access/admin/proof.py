"""The logins of others are made and changed in the admin by somebody who has just proved who they are
(access.reauthentication)."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access.models import User
from access.reauthentication import ask_on_own_page, has_recent_proof
from access.sessions import find_live

# Who changes these of somebody can sign in as them, or lets them do what nobody gave them.
_LOGIN = {"email", "is_staff", "is_superuser", "groups", "user_permissions"}


class ProofMixin:
    """For the admin of users. Where it can, the question comes before the form, so that nothing typed is lost."""

    get_object: Any
    get_form: Any
    has_add_permission: Any
    has_change_permission: Any

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # Also without a password: the mail to choose one goes to an address that is typed here.
        if self.has_add_permission(request) and not has_recent_proof(request):
            return ask_on_own_page(request)
        return super().add_view(request, form_url, extra_context)  # type: ignore[misc]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id)) if request.method == "POST" else None
        asks = user is not None and self.has_change_permission(request, user) and self._changes_login(request, user)
        if asks and not has_recent_proof(request):
            return ask_on_own_page(request)
        return super().change_view(request, object_id, form_url, extra_context)  # type: ignore[misc]

    def _changes_login(self, request: HttpRequest, user: User) -> bool:
        """Whether what was posted moves the address, by which a new password is asked for, or changes the powers."""
        form = self.get_form(request, user, change=True)(request.POST, request.FILES, instance=user)
        return bool(_LOGIN & set(form.changed_data))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        user = self.get_object(request, unquote(id))
        if self.has_change_permission(request, user) and not has_recent_proof(request):
            return ask_on_own_page(request)
        return super().user_change_password(request, id, form_url)  # type: ignore[misc]

    @admin.display(description=gettext_lazy("signed in"))
    def signed_in(self, user: User) -> str:
        count = len(find_live(user))
        if not count:
            return _("in no browser")
        words = ngettext("in %(n)s browser", "in %(n)s browsers", count) % {"n": count}
        query = urlencode({"user__id__exact": str(user.pk), "state": "running"})
        return format_html('<a href="{}?{}">{}</a>', reverse("admin:access_usersession_changelist"), query, words)
