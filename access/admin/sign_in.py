"""One door for everybody: the admin has no sign-in of its own, which would know no limits and leave no trace."""

import allauth.account.admin  # noqa: F401 (registers what is taken back below)
from allauth.account import views as account
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def _to_password_change(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("account_change_password")


def _sign_out(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return account.logout(request)


# A row here would be a second address by which its user can sign in.
admin.site.unregister(EmailAddress)
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.logout = _sign_out  # type: ignore[method-assign,assignment]
admin.site.password_change = _to_password_change  # type: ignore[method-assign,assignment]
