"""An address map for tests of the page guard: one page for each role, and one that shows a member's row."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import include, path

from access import request_context
from access.decorators import participant_page
from access.models import AuditEntry, Role
from access.requests import PortalRequest


def _page(role: Role):
    @participant_page(role=role)
    def page(request: PortalRequest) -> HttpResponse:
        return HttpResponse(f"{request.actor.participant.name} {request.actor.role}")

    return page


@participant_page()
def entry(request: PortalRequest, uuid: str) -> HttpResponse:
    found = get_object_or_404(AuditEntry.objects.for_actor(request.actor), uuid=uuid)
    return HttpResponse(found.action)


def context(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"id": request_context.request_id.get(), "address": request_context.address.get()})


urlpatterns = [
    path("", include("portal.urls")),
    path("viewer/", _page(Role.VIEWER)),
    path("technical/", _page(Role.TECHNICAL)),
    path("administrator/", _page(Role.ADMINISTRATOR)),
    path("entry/<uuid:uuid>/", entry),
    path("context/", context),
]
