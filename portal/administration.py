"""The Django admin as operations use it: signing in, out and changing the password happen on the portal's own pages."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog

from portal.borrowed_words import SELECTED
from portal.operations.menu import group_models


class HouseAdminSite(AdminSite):
    site_title = _("Gancho administration")
    site_header = _("Administration")
    index_title = _("Administration")
    enable_nav_sidebar = True

    def get_urls(self) -> list[Any]:
        # Here, not above: views need the models, and the site is made before them.
        from portal.operations.urls import build_urls  # noqa: PLC0415

        return [*build_urls(self.admin_view), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = super().get_app_list(request, app_label)
        return found if app_label else group_models(found, request)

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Under the app's own name: Django's "… administration" is no Portuguese."""
        found = self.get_app_list(request, app_label)
        title = {"title": found[0]["name"]} if found else {}
        return super().app_index(request, app_label, {**title, **(extra_context or {})})

    def i18n_javascript(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return _ScriptWords.as_view(packages=["django.contrib.admin"])(request)

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


class _ScriptWords(JavaScriptCatalog):
    """Django's words for its scripts, with our count of what is selected in each of its plural forms."""

    def get_catalog(self) -> dict[str, Any]:
        catalog: dict[str, Any] = super().get_catalog()
        if SELECTED in catalog:
            catalog[SELECTED] = [gettext(SELECTED)] * len(catalog[SELECTED])
        return catalog


def _to_overview(request: HttpRequest) -> HttpResponse:
    return redirect("admin:index")
