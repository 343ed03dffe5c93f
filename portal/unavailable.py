"""Nothing can be stored: the request ends with a page that says so, and never with one that sounds like success."""

import sys
from collections.abc import Callable
from http import HTTPStatus
from uuid import uuid4

import structlog
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.defaults import server_error as usual_server_error

from access.unavailable import is_unavailable

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 30


class UnavailableMiddleware:
    """Answers 503 for a view that met a full disk or a database that takes nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return answer(request, exception) if is_unavailable(exception) else None


def server_error(request: HttpRequest) -> HttpResponse:
    """The handler of what nobody caught, in another middleware for instance."""
    error = sys.exc_info()[1]
    return answer(request, error) if error and is_unavailable(error) else usual_server_error(request)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """allauth's answer to too many tries, which it gives too when the count of them can't be kept."""
    if cache.add(f"portal.unavailable:{uuid4()}", True, timeout=1):
        return render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    return answer(request, None)


def answer(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    log.error("storage.unavailable", error=type(error).__name__, method=request.method, exc_info=error)
    # Without the request: its menu would ask the database.
    page = render_to_string("503.html")
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    return HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
