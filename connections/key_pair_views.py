"""Pages of a participant's certificates with their private keys: list, upload, details, replacement, archive."""

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import participant_page
from access.errors import ActionError, ProofMissing
from access.models import Participant
from access.reauthentication import Proof
from access.requests import PortalRequest
from access.roles import Role
from connections import actions
from connections.errors import KeyPairRefused
from connections.forms.key_pair import UploadForm
from connections.models import Connection, KeyPair
from connections.pages.answers import go_to, refused_form
from connections.pages.listing import A_PAGE, Words, build_key_pair_rows
from connections.pages.states import describe_key_pair
from connections.pages.users import load_key_pair_uses
from connections.uploads import small_uploads
from connections.uses import find_users


@require_safe
@participant_page()
def key_pair_list(request: PortalRequest) -> HttpResponse:
    mine = KeyPair.objects.for_actor(request.actor).live().shared()
    words = Words.read(request.GET)
    page = Paginator(words.find_key_pairs(mine), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "words": words.text,
        "count": mine.count(),
        "connection_count": Connection.objects.for_actor(request.actor).live().shared().count(),
        "page": page,
        "query": urlencode({"q": words.text}) if words.text else "",
        "rows": build_key_pair_rows(request, list(page.object_list), timezone.now()),
    }
    return render(request, "connections/key_pair_list.html", context)


@small_uploads
@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def key_pair_create(request: PortalRequest) -> HttpResponse:
    proof, template = Proof(request), "connections/key_pair_form.html"
    if request.method != "POST":
        return render(request, template, {"form": UploadForm(), "proof": proof})
    form = UploadForm(request.POST, request.FILES)
    upload, participant = form.upload(), cast(Participant, request.actor.participant)
    try:
        name = form.cleaned_data.get("name", "")
        made = actions.create_key_pair(participant, name=name, upload=upload, by=request.actor, proven=proof.given)
    except KeyPairRefused as refused:
        form.add_problems(refused.problems)
        return refused_form(request, template, form, proof=proof)
    except ProofMissing:
        proof.ask()
        return refused_form(request, template, form, proof=proof)
    messages.success(request, _("The certificate “%(name)s” was stored.") % {"name": made.name})
    return go_to(request, redirect("connections:key-pair-detail", uuid=made.uuid).url)


@require_safe
@participant_page()
def key_pair_detail(request: PortalRequest, uuid: UUID) -> HttpResponse:
    key_pair = find_key_pair(request, uuid)
    context = {
        "key_pair": key_pair,
        "state": describe_key_pair(key_pair, timezone.now()),
        "uses": load_key_pair_uses(request, [key_pair])[key_pair.pk],
    }
    return render(request, "connections/key_pair_detail.html", context)


@small_uploads
@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def key_pair_replace(request: PortalRequest, uuid: UUID) -> HttpResponse:
    key_pair = find_key_pair(request, uuid, live=True)
    uses = load_key_pair_uses(request, [key_pair])[key_pair.pk]
    context = {"key_pair": key_pair, "state": describe_key_pair(key_pair, timezone.now()), "uses": uses}
    template, proof = "connections/key_pair_replace.html", Proof(request)
    if request.method != "POST":
        return render(request, template, context | {"form": UploadForm(named=False), "proof": proof})
    form = UploadForm(request.POST, request.FILES, named=False)
    try:
        actions.replace_key_pair(key_pair, upload=form.upload(), by=request.actor, proven=proof.given)
    except KeyPairRefused as refused:
        form.add_problems(refused.problems)
        return refused_form(request, template, form, proof=proof, **context)
    except ProofMissing:
        proof.ask()
        return refused_form(request, template, form, proof=proof, **context)
    messages.success(request, _("“%(name)s” was replaced. What uses it takes the new one now.") % {"name": key_pair})
    return go_to(request, redirect("connections:key-pair-detail", uuid=uuid).url)


@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def key_pair_archive(request: PortalRequest, uuid: UUID) -> HttpResponse:
    key_pair = find_key_pair(request, uuid, live=True)
    if request.method != "POST":
        uses = load_key_pair_uses(request, [key_pair])[key_pair.pk]
        context = {"key_pair": key_pair, "uses": uses, "used": bool(uses or find_users(key_pair))}
        return render(request, "connections/key_pair_archive.html", context)
    try:
        actions.archive_key_pair(key_pair, by=request.actor)
    except ActionError as refused:
        messages.error(request, refused.message)
        return redirect("connections:key-pair-detail", uuid=uuid)
    messages.success(request, _("“%(name)s” was archived.") % {"name": key_pair.name})
    return redirect("connections:key-pair-list")


def find_key_pair(request: PortalRequest, uuid: UUID, *, live: bool = False) -> KeyPair:
    """Return a key pair of the actor's participant, or answer 404. `live`: only one that is not archived."""
    mine = KeyPair.objects.for_actor(request.actor).select_related("participant")
    return get_object_or_404(mine.live() if live else mine, uuid=uuid)
