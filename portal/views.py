"""The shell's own pages: home, profile, and the two menu pages that lead to a participant's settings."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access.decorators import participant_page
from access.requests import PortalRequest


@require_safe
@participant_page()
def home(request: PortalRequest) -> HttpResponse:
    return render(request, "portal/home.html")


@require_safe
@login_required
def profile(request: PortalRequest) -> HttpResponse:
    return render(request, "portal/profile.html")


@require_safe
@participant_page()
def settings(request: PortalRequest) -> HttpResponse:
    return render(request, "portal/settings.html")


@require_safe
@participant_page()
def integration(request: PortalRequest) -> HttpResponse:
    return render(request, "portal/integration.html")
