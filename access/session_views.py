"""Where one is signed in, and ending it from there."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from access import sessions
from access.actors import Actor
from access.models import UserSession
from access.requests import PortalRequest

SHOWN = 50


@require_safe
@login_required
def session_list(request: PortalRequest) -> HttpResponse:
    here, others = _split(request)
    context = {"here": here, "others": others[:SHOWN], "count": len(others), "more": max(0, len(others) - SHOWN)}
    return render(request, "access/session_list.html", context)


@require_POST
@login_required
def session_end(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """End one of one's own sessions that is not this one."""
    _here, others = _split(request)
    row = next((each for each in others if each.uuid == uuid), None)
    if row is None:
        raise Http404
    sessions.end_sessions([row], by=Actor.for_self(request.user))
    messages.success(request, _("The session in %(device)s was ended.") % {"device": row.device})
    return redirect("access:session-list")


@require_POST
@login_required
def session_end_others(request: PortalRequest) -> HttpResponse:
    _here, others = _split(request)
    count = sessions.end_sessions(others, by=Actor.for_self(request.user))
    words = ngettext("%(n)s other session was ended.", "%(n)s other sessions were ended.", count)
    messages.success(request, words % {"n": count})
    return redirect("access:session-list")


def _split(request: PortalRequest) -> tuple[UserSession | None, list[UserSession]]:
    """Return the session of this request, and the user's others."""
    here, live = sessions.find_session(request), sessions.find_live(request.user)
    own = here.pk if here else None
    return here, [row for row in live if row.pk != own]
