"""The Django admin as operations use it: signing in, out and changing the password happen on the portal's own pages."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from portal.operations.menu import group_models


class HouseAdminSite(AdminSite):
    site_title = _("Gancho administration")
    site_header = _("Administration")
    index_title = _("Overview")
    enable_nav_sidebar = True

    def get_urls(self) -> list[Any]:
        # Here, not above: views need the models, and the site is made before them.
        from portal.operations.urls import build_urls  # noqa: PLC0415

        return [*build_urls(self.admin_view), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = super().get_app_list(request, app_label)
        return found if app_label else group_models(found, request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To the portal's sign-in, with its limits and its audit. Signed in but not staff: 403.

        Django's own form is never reached: a member of staff could guess others' passwords there without end.
        """
        return secure_admin_login(_to_overview)(request)

    def logout(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_logout")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")


def _to_overview(request: HttpRequest) -> HttpResponse:
    return redirect("admin:index")
