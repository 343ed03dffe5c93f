"""Pages of a participant's connections: list, choice of a kind, form, details, archive."""

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import participant_page
from access.errors import ActionError
from access.models import Participant
from access.reauthentication import Proof
from access.requests import PortalRequest
from access.roles import Role
from connections import actions
from connections.errors import Archived
from connections.forms.editor import ConnectionEditor
from connections.forms.saving import save_posted, typed_again
from connections.kinds.kind import Kind
from connections.kinds.registry import KINDS
from connections.models import Connection, KeyPair
from connections.pages.answers import go_to, is_htmx
from connections.pages.details import build_details
from connections.pages.listing import A_PAGE, Words, build_connection_rows, name_kind
from connections.pages.users import load_connection_uses
from connections.uploads import small_uploads
from connections.uses import find_users


@require_safe
@participant_page()
def connection_list(request: PortalRequest) -> HttpResponse:
    mine = Connection.objects.for_actor(request.actor).live().shared()
    words = Words.read(request.GET)
    found = words.find_connections(mine).select_related("key_pair")
    page, now = Paginator(found, A_PAGE).get_page(request.GET.get("page")), timezone.now()
    context = {
        "now": now,
        "words": words.text,
        "count": mine.count(),
        "key_pair_count": KeyPair.objects.for_actor(request.actor).live().shared().count(),
        "page": page,
        "query": urlencode({"q": words.text}) if words.text else "",
        "rows": build_connection_rows(request, list(page.object_list), now),
    }
    return render(request, "connections/connection_list.html", context)


@require_safe
@participant_page(role=Role.TECHNICAL)
def connection_choose(request: PortalRequest) -> HttpResponse:
    return render(
        request, "connections/connection_choose.html", {"kinds": [(kind, name_kind(kind)) for kind in KINDS.values()]}
    )


@small_uploads
@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def connection_create(request: PortalRequest, kind: str) -> HttpResponse:
    participant, found = cast(Participant, request.actor.participant), find_kind(kind)
    proof = Proof(request)
    if request.method != "POST":
        return form_page(request, ConnectionEditor(participant, found), proof)
    if editor := typed_again(request.POST, participant, found):
        return form_page(request, editor, proof)
    editor = ConnectionEditor(participant, found, data=request.POST, files=request.FILES)
    connection = save_posted(editor, by=request.actor, proof=proof)
    if connection is None:
        return refused(request, editor, proof)
    messages.success(request, _("The connection “%(name)s” was created.") % {"name": connection.name})
    return go_to(request, redirect("connections:connection-detail", uuid=connection.uuid).url)


@small_uploads
@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def connection_edit(request: PortalRequest, uuid: UUID) -> HttpResponse:
    connection = find_connection(request, uuid, live=True)
    details = redirect("connections:connection-detail", uuid=uuid)
    if not connection.shared:
        # It belongs to one webhook and is edited in that one's form, which its page leads to.
        return go_to(request, details.url)
    participant, kind, proof = connection.participant, find_kind(connection.kind), Proof(request)
    if request.method != "POST":
        return form_page(request, ConnectionEditor(participant, kind, connection), proof)
    if editor := typed_again(request.POST, participant, kind, connection):
        return form_page(request, editor, proof)
    editor = ConnectionEditor(participant, kind, connection, data=request.POST, files=request.FILES)
    try:
        saved = save_posted(editor, by=request.actor, proof=proof)
    except Archived as archived:
        messages.error(request, archived.message)
        return go_to(request, details.url)
    if saved is None:
        return refused(request, editor, proof)
    messages.success(request, _("“%(name)s” was saved.") % {"name": saved.name})
    return go_to(request, details.url)


@require_safe
@participant_page()
def connection_detail(request: PortalRequest, uuid: UUID) -> HttpResponse:
    connection = find_connection(request, uuid)
    return render(request, "connections/connection_detail.html", build_details(request, connection, timezone.now()))


@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def connection_archive(request: PortalRequest, uuid: UUID) -> HttpResponse:
    connection = find_connection(request, uuid, live=True)
    if request.method != "POST":
        uses = load_connection_uses(request, [connection])[connection.pk]
        context = {"connection": connection, "uses": uses, "used": bool(uses or find_users(connection))}
        return render(request, "connections/connection_archive.html", context)
    try:
        actions.archive_connection(connection, by=request.actor)
    except ActionError as refusal:
        messages.error(request, refusal.message)
        return redirect("connections:connection-detail", uuid=uuid)
    messages.success(request, _("“%(name)s” was archived.") % {"name": connection.name})
    return redirect("connections:connection-list")


def find_connection(request: PortalRequest, uuid: UUID, *, live: bool = False) -> Connection:
    """Return a connection of the actor's participant, or answer 404. `live`: only one that is not archived."""
    mine = Connection.objects.for_actor(request.actor).select_related("participant", "key_pair")
    return get_object_or_404(mine.live() if live else mine, uuid=uuid)


def find_kind(name: str) -> Kind:
    try:
        return KINDS[name]
    except KeyError:
        raise Http404 from None


def form_page(request: PortalRequest, editor: ConnectionEditor, proof: Proof) -> HttpResponse:
    context = {
        "editor": editor,
        "proof": proof,
        "kind": name_kind(editor.kind),
        "lines": editor.lines() if editor.common.is_bound else [],
        "source_addresses": settings.PORTAL_OUTBOUND_SOURCE_ADDRESSES,
    }
    return render(request, "connections/connection_form.html", context)


def refused(request: PortalRequest, editor: ConnectionEditor, proof: Proof) -> HttpResponse:
    """Say what to correct: beside the form that htmx left alone, or on a page with everything typed but secrets."""
    if is_htmx(request):
        context = {"lines": editor.lines(), "proof": proof, "fragment": True}
        return render(request, "connections/_form_errors.html", context)
    return form_page(request, editor, proof)
