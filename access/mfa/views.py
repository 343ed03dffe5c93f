"""One's own second factor: its state, setting it up, new recovery codes, turning it off."""

from base64 import b64encode

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from access.actors import Actor
from access.errors import ActionError
from access.mfa import actions, demand, second_step, seeds
from access.mfa.codes import has_mfa
from access.mfa.forms import SetUpForm
from access.reauthentication import CODE, proof_required, record_proof
from access.requests import PortalRequest
from vault import derived
from vault.errors import UnreadableSecret

SEED_KEY = "second_factor_being_set_up"
SEED_PURPOSE = "second-factor-set-up"

page = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@login_required
def mfa_index(request: PortalRequest) -> HttpResponse:
    rows = {row.type: row for row in Authenticator.objects.filter(user_id=request.user.pk)}
    left = None
    if spare := rows.get(Authenticator.Type.RECOVERY_CODES):
        with seeds.owned_by(request.user):
            left = len(spare.wrap().get_unused_codes())
    context = {
        "factor": rows.get(Authenticator.Type.TOTP),
        "left": left,
        "demanders": demand.demanders_of(request.user),
    }
    return render(request, "mfa/index.html", context)


@page
@login_required
@proof_required
@sensitive_post_parameters()
@sensitive_variables("seed", "fresh")
def mfa_set_up(request: PortalRequest) -> HttpResponse:
    """Show a seed and ask for the first code made from it. Also replaces a factor: a new telephone."""
    posted = request.POST if request.method == "POST" else None
    seed = _seed_shown(request) if posted is not None else ""
    if not seed:
        if posted is not None:
            words = _("The picture you scanned counts no more, so the code was not checked. Scan the one below anew.")
            messages.warning(request, words)
        # Never one that was shown before: somebody may have seen it, and waited for its owner to take it.
        seed, posted = _show_new_seed(request), None
    form = SetUpForm(posted, seed=seed, request=request)
    if not form.is_valid():
        return _render_set_up(request, seed, form)
    fresh = actions.enable_mfa(request.user, seed=seed, step=form.step, by=Actor.for_self(request.user))
    del request.session[SEED_KEY]
    update_session_auth_hash(request, request.user)
    second_step.keep(request, request.user)
    record_proof(request, by=CODE)
    return _show_codes(request, fresh, just_enabled=True)


@page
@login_required
@proof_required
@sensitive_variables("fresh")
def mfa_codes_renew(request: PortalRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "mfa/codes_renew.html")
    try:
        fresh = actions.renew_recovery_codes(request.user, by=Actor.for_self(request.user))
    except ActionError as error:
        messages.error(request, error.message)
        return redirect("mfa_index")
    return _show_codes(request, fresh)


@page
@login_required
@proof_required
def mfa_disable(request: PortalRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "mfa/disable.html", {"demanders": demand.demanders_of(request.user)})
    try:
        actions.disable_mfa(request.user, by=Actor.for_self(request.user))
    except ActionError as error:
        messages.error(request, error.message)
    else:
        second_step.forget(request)
        update_session_auth_hash(request, request.user)
        messages.success(request, _("Two-step sign-in is off: your password alone opens your account."))
    return redirect("mfa_index")


def _seed_shown(request: PortalRequest) -> str:
    sealed = request.session.get(SEED_KEY, "")
    try:
        return derived.unseal(SEED_PURPOSE, sealed, owner=str(request.user.uuid)) if sealed else ""
    except UnreadableSecret:
        # The data key was dropped between the picture and the code: they begin again.
        return ""


def _show_new_seed(request: PortalRequest) -> str:
    seed = actions.make_seed()
    request.session[SEED_KEY] = derived.seal(SEED_PURPOSE, seed, owner=str(request.user.uuid))
    return seed


@sensitive_variables()
def _render_set_up(request: PortalRequest, seed: str, form: SetUpForm) -> HttpResponse:
    adapter = seeds.MFAAdapter()
    picture = adapter.build_totp_svg(adapter.build_totp_url(request.user, seed))
    demanders = demand.demanders_of(request.user)
    context = {
        "form": form,
        "demanders": demanders,
        "replaces": has_mfa(request.user),
        "picture": f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}",
        "seed": " ".join(seed[at : at + 4] for at in range(0, len(seed), 4)),
    }
    closed = bool(demanders) and not second_step.is_kept(request, request.user)
    return render(request, "mfa/set_up_demanded.html" if closed else "mfa/set_up.html", context)


@sensitive_variables()
def _show_codes(request: PortalRequest, fresh: list[str], *, just_enabled: bool = False) -> HttpResponse:
    """Show recovery codes, this once: they are in this answer and in no address that could be opened again."""
    shown = [f"{code[:4]} {code[4:]}" for code in fresh]
    return render(request, "mfa/codes.html", {"codes": shown, "text": "\n".join(shown), "just_enabled": just_enabled})
