"""The shell's own pages: home, profile, and the two menu pages that lead to a participant's settings."""

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.decorators import participant_page
from access.mfa.codes import has_mfa
from access.requests import PortalRequest
from portal.home import Home


@require_safe
def home(request: PortalRequest) -> HttpResponse:
    """The participant's home. Operations, who belong to no participant, start in the administration."""
    if request.user.is_authenticated and request.user.is_staff and not request.memberships and not request.actor.seeing:
        return redirect("admin:operations" if request.user.has_perm("portal.view_operations") else "admin:index")
    return participant_home(request)


@participant_page()
def participant_home(request: PortalRequest) -> HttpResponse:
    shown = Home(request.actor)
    return render(request, "portal/home.html", {"home": shown, "greeting": _greeting(request, shown.now)})


@require_safe
@login_required
def profile(request: PortalRequest) -> HttpResponse:
    return render(
        request, "portal/profile.html", {"memberships": request.memberships, "second_factor": has_mfa(request.user)}
    )


@require_safe
@participant_page()
def settings(request: PortalRequest) -> HttpResponse:
    return render(request, "portal/settings.html")


@require_safe
@participant_page()
def integration(request: PortalRequest) -> HttpResponse:
    return render(request, "portal/integration.html")


def _greeting(request: PortalRequest, now: datetime) -> str:
    hour = timezone.localtime(now).hour
    if hour < 12:
        words = _("Good morning, %(name)s")
    else:
        words = _("Good afternoon, %(name)s") if hour < 18 else _("Good evening, %(name)s")
    return words % {"name": request.user.get_short_name()}
