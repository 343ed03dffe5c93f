"""Who must sign in with a second factor, and the door that leads those who have none yet to set one up."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from access.mfa import second_step
from access.mfa.codes import has_mfa
from access.models import Membership, User
from access.requests import PortalRequest

GetResponse = Callable[[HttpRequest], HttpResponse]

# What is open before the second factor is set up. Everything else is closed, pages yet to be written included.
OPEN_VIEWS = {"mfa_set_up", "account_reauthenticate", "account_logout", "access:preferences-update"}


class DemandMiddleware:
    """After ActorMiddleware: whoever must have a second factor and has none reaches the page that sets it up, only."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.view_name in OPEN_VIEWS or not request.user.is_authenticated:
            return None
        portal_request = cast(PortalRequest, request)
        user = portal_request.user
        if second_step.is_kept(request, user) or not _is_demanded(portal_request, in_admin="admin" in match.namespaces):
            return None
        return _lead_away(portal_request, has_one=has_mfa(user))


def is_demanded_of_staff(user: User) -> bool:
    return bool(user.is_staff and settings.PORTAL_STAFF_MFA)


def demanders_of(user: User) -> list[str]:
    """Return the names of those who demand a second factor of `user`: the operator, and participants. One query."""
    names = [settings.PORTAL_OPERATOR_NAME] if is_demanded_of_staff(user) else []
    of_participants = Membership.objects.filter(user=user, participant__mfa_demanded=True)
    return names + list(of_participants.order_by("participant__name").values_list("participant__name", flat=True))


def _is_demanded(request: PortalRequest, *, in_admin: bool) -> bool:
    if is_demanded_of_staff(request.user):
        return True
    # What a participant demands guards its own pages. The administration is guarded by the operator's own rule.
    return not in_admin and any(each.participant.mfa_demanded for each in request.memberships)


def _lead_away(request: PortalRequest, *, has_one: bool) -> HttpResponse:
    if has_one:
        # A session that never took the second step, though there is one to take.
        logout(request)
    target = reverse("account_login" if has_one else "mfa_set_up")
    if request.headers.get("HX-Request") == "true":
        # A fragment must not fill its place with a whole page.
        response = HttpResponse(status=403)
        response["HX-Redirect"] = target
    else:
        response = redirect(target)
    add_never_cache_headers(response)
    return response
