"""Pages of people themselves: language and theme, password, whom they act for, and the sign-up that is closed."""

from allauth.account import views as account
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from access import actions, choices, current, seeing
from access.actors import Actor
from access.forms import PreferencesForm
from access.mfa.codes import has_mfa
from access.next_page import safe_next
from access.reauthentication import ask_on_own_page, has_recent_proof
from access.requests import PortalRequest

THEME_COOKIE = "theme"
COOKIE_SECONDS = 365 * 24 * 3600


@login_required
@require_POST
def participant_switch(request: PortalRequest) -> HttpResponse:
    uuid = request.POST.get("participant", "")
    usable = (each for each in request.memberships if not each.participant.blocked)
    membership = next((each for each in usable if str(each.participant.uuid) == uuid), None)
    if membership is None:
        raise Http404
    current.choose(request, membership)
    # To the home page: the page left behind may show a row that the new participant doesn't have.
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def preferences_update(request: PortalRequest) -> HttpResponse:
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        raise BadRequest("unknown language or theme")
    chosen = {name: value for name, value in form.cleaned_data.items() if value}
    if request.user.is_authenticated:
        actions.update_preferences(request.user, values=chosen, by=Actor.for_self(request.user))
    else:
        choices.keep_for_sign_in(request, chosen)
    response = HttpResponseRedirect(safe_next(request))
    # Cookies too: the pages shown after signing out keep the choice of this browser.
    names = {"language": settings.LANGUAGE_COOKIE_NAME, "theme": THEME_COOKIE}
    for name, value in chosen.items():
        response.set_cookie(
            names[name], value, max_age=COOKIE_SECONDS, secure=settings.HTTPS, httponly=True, samesite="Lax"
        )
    return response


def signup_closed(request: HttpRequest) -> HttpResponse:
    return render(request, "access/signup_closed.html", status=403)


@login_required
@require_POST
def seeing_end(request: PortalRequest) -> HttpResponse:
    """Back to the participant's page in the administration; pressed twice, to the beginning."""
    participant = seeing.end(request)
    if participant is None:
        return redirect(settings.LOGIN_REDIRECT_URL)
    return redirect("admin:access_participant_change", participant.pk)


def password_change(request: PortalRequest) -> HttpResponse:
    """allauth's page asks for the old password; of whoever has a second factor that alone proves nothing."""
    if request.user.is_authenticated and has_mfa(request.user) and not has_recent_proof(request):
        return ask_on_own_page(request)
    return account.password_change(request)
