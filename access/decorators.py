"""Who may open a page. Every view of a participant's rows carries `participant_page`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from access.models import Membership, Participant
from access.requests import PortalRequest
from access.roles import Role

View = Callable[..., HttpResponse]


def participant_page(*, role: Role = Role.VIEWER) -> Callable[[View], View]:
    """Open the view to members who have at least `role` at the participant they act for.

    Anonymous: to the login page. Without a usable participant, or with a lower role: 403 with a page that says what to
    do. Rows of another participant are the view's business: it starts from `for_actor` and answers 404.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_login(request)
            actor = request.actor
            if actor.participant is None:
                return _participant_missing(request)
            if not actor.can(role):
                return _role_refused(request, actor.participant, role)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _participant_missing(request: PortalRequest) -> HttpResponse:
    usable = [each for each in request.memberships if not each.participant.blocked]
    blocked = [each.participant.name for each in request.memberships if each.participant.blocked]
    if usable:
        title = _("Choose a participant")
    else:
        title = _("Your participant is blocked") if blocked else _("You belong to no participant yet")
    context = {"title": title, "usable": usable, "blocked": blocked}
    return render(request, "access/participant_missing.html", context, status=403)


def _role_refused(request: PortalRequest, participant: Participant, needed: Role) -> HttpResponse:
    administrators = Membership.objects.administrators_of(participant)
    context = {"needed": needed, "administrators": [each.user.display_name for each in administrators]}
    return render(request, "access/role_refused.html", context, status=403)


def _to_login(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        # A fragment must not fill its place with the login page: the whole page goes there.
        response = HttpResponse(status=401)
        response["HX-Redirect"] = redirect_to_login("/").url.partition("?")[0]
    else:
        response = redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
    add_never_cache_headers(response)
    return response
