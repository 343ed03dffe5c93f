"""The allauth pages that make sense here, under their allauth names. Sign-up, e-mail management and codes stay out."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa_base
from django.urls import path, re_path

from access import reauthentication_views, views
from access.mfa import views as mfa

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    # allauth's pages link to it by name.
    path("signup/", views.signup_closed, name="account_signup"),
    # allauth sends people here by name, as our own pages do.
    path("reauthenticate/", reauthentication_views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    # The second step of a sign-in is allauth's; the pages of one's own second factor are ours.
    path("two-step/code/", mfa_base.authenticate, name="mfa_authenticate"),
    path("two-step/", mfa.mfa_index, name="mfa_index"),
    path("two-step/set-up/", mfa.mfa_set_up, name="mfa_set_up"),
    path("two-step/recovery-codes/", mfa.mfa_codes_renew, name="mfa_codes_renew"),
    path("two-step/turn-off/", mfa.mfa_disable, name="mfa_disable"),
]
