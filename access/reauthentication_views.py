"""The page that asks for the proof, for pages that have no place for it (access.reauthentication)."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from access.next_page import safe_next
from access.reauthentication import Proof, has_recent_proof
from access.requests import PortalRequest


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reauthenticate(request: PortalRequest) -> HttpResponse:
    """`next` is the page to go to, by GET, once it is proved who is there."""
    proof, onwards = Proof(request), safe_next(request)
    if has_recent_proof(request):
        # Not `redirect`, which takes a bare word for the name of a view.
        return HttpResponseRedirect(onwards)
    proof.given = False
    proof.ask()
    return render(request, "access/reauthenticate.html", {"proof": proof, "next": onwards})
