"""What each request learns before its view: an id, the caller's address, language, and who acts for whom."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject

from access import request_context, seeing
from access.actors import Actor
from access.current import load_memberships, pick_actor
from access.models import Membership
from access.requests import PortalRequest

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """First of all: gives the request an id of its own and remembers the caller's address, for audit and logs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_context.new_request_id()
        with request_context.bound(request=request_id, from_address=request_context.client_address(request)):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


class ActorMiddleware:
    """After authentication: `request.actor`, the user's language, and no copy of signed-in pages in any cache."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        portal_request = cast(PortalRequest, request)
        portal_request.memberships = cast(list[Membership], SimpleLazyObject(lambda: load_memberships(portal_request)))
        portal_request.actor = cast(Actor, SimpleLazyObject(lambda: pick_actor(portal_request)))
        signed_in = request.user.is_authenticated
        if signed_in:
            translation.activate(portal_request.user.language)
            request.LANGUAGE_CODE = portal_request.user.language
        response = self.get_response(request)
        if signed_in and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response


class SeeingMiddleware:
    """After ActorMiddleware: whoever sees as a participant reads the portal's pages and does nothing there.

    Left alone are the administration and the pages of the staff member's own account, and the end of seeing.
    """

    own_ways = ("/admin/", "/accounts/", "/profile/sessions/", "/preferences/")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in seeing.READING and seeing.SESSION_KEY in request.session:
            own = request.path.startswith(self.own_ways) or request.path == reverse("access:seeing-end")
            if not own and cast(PortalRequest, request).actor.seeing:
                return render(request, "access/seeing_refused.html", status=403)
        return self.get_response(request)
