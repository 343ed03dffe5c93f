"""A session that was ended is refused, and one that goes on is noted (access.sessions)."""

from collections.abc import Callable

import structlog
from django.contrib.auth import logout
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from access import sessions
from access.models import UserSession

GetResponse = Callable[[HttpRequest], HttpResponse]
log = structlog.get_logger(__name__)


class SessionsMiddleware:
    """After authentication, before anything that asks who is there."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        row = sessions.find_session(request) if request.user.is_authenticated else None
        if row is not None and row.ended_at is not None:
            logout(request)
            row = None
        response = self.get_response(request)
        try:
            _note(request, row)
        except DatabaseError:
            # A full disk, a standby: pages that only read must go on. An ended session is refused all the same.
            log.warning("session_not_noted", exc_info=True)
        return response


def _note(request: HttpRequest, row: UserSession | None) -> None:
    if row is not None and (not request.user.is_authenticated or request.user.pk != row.user_id):
        sessions.sign_out(row)
        row = None
    if request.user.is_authenticated and not sessions.note_session(request, row):
        request.session.flush()
