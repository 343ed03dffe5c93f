"""The address map of the download workers: signed downloads, and whether this process is alive."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from catalog.file_answers import plain_not_found


def live(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_not_found()


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("Bad request\n", status=400, content_type="text/plain; charset=utf-8")


def server_error(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Something failed here. Try again.\n", status=500, content_type="text/plain; charset=utf-8")


# Pages with the portal's frame need sessions and languages, which this process has not.
handler404, handler400, handler500 = not_found, bad_request, server_error

urlpatterns = [
    path("", include("catalog.download_urls")),
    path("health/live", live),
]
