"""Who may open a page. Every view of a participant's rows carries `participant_page`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

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
                return render(request, "access/participant_missing.html", status=403)
            if not actor.can(role):
                return render(request, "access/role_refused.html", {"needed": role}, status=403)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _to_login(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        # A fragment must not fill its place with the login page: the whole page goes there.
        response = HttpResponse(status=401)
        response["HX-Redirect"] = redirect_to_login("/").url.partition("?")[0]
    else:
        response = redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
    add_never_cache_headers(response)
    return response
