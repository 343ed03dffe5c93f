"""Pages of a participant's webhooks: list, form, archive."""

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import slots
from access.decorators import participant_page
from access.models import Participant
from access.reauthentication import Proof
from access.requests import PortalRequest
from access.roles import Role
from connections.uploads import small_uploads
from webhooks import actions
from webhooks.errors import WebhookArchived
from webhooks.forms.editor import WebhookEditor
from webhooks.forms.saving import save_posted, typed_again
from webhooks.listing import WebhookFilter, build_rows, count_by_state
from webhooks.models import Webhook

WEBHOOKS_A_PAGE = 25
LOADED = ("participant", "current_version", "connection__key_pair", "client_key_pair")


@require_safe
@participant_page()
def webhook_list(request: PortalRequest, *, profile: bool = False) -> HttpResponse:
    chosen = WebhookFilter.read(request.GET)
    matching = chosen.matching(Webhook.objects.for_actor(request.actor).live())
    page = Paginator(chosen.in_order(matching).select_related("participant"), WEBHOOKS_A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "chosen": chosen,
        "counts": count_by_state(matching),
        "page": page,
        "profile": profile,
        "query": urlencode(chosen.parameters()),
        "rows": build_rows(page.object_list),
        "source_addresses": settings.PORTAL_OUTBOUND_SOURCE_ADDRESSES,
    }
    return render(request, "webhooks/webhook_list.html", context)


@small_uploads
@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def webhook_create(request: PortalRequest) -> HttpResponse:
    participant, proof = cast(Participant, request.actor.participant), Proof(request)
    if request.method != "POST":
        return form_page(request, WebhookEditor(participant), proof)
    if editor := typed_again(request, participant):
        return form_page(request, editor, proof)
    editor = WebhookEditor(participant, data=request.POST, files=request.FILES)
    # A form sent twice: the second finds the webhook that the first made.
    webhook = Webhook.objects.for_actor(request.actor).filter(uuid=editor.new_uuid).first()
    webhook = webhook or save_posted(editor, by=request.actor, proof=proof)
    if webhook is None:
        return refused(request, editor, proof)
    return go_to(request, redirect("webhooks:webhook-secret", uuid=webhook.uuid).url)


@small_uploads
@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def webhook_edit(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook = find_webhook(request, uuid)
    participant, proof = webhook.participant, Proof(request)
    if request.method != "POST":
        return form_page(request, WebhookEditor(participant, webhook), proof)
    if editor := typed_again(request, participant, webhook):
        return form_page(request, editor, proof)
    editor = WebhookEditor(participant, webhook, data=request.POST, files=request.FILES)
    try:
        saved = save_posted(editor, by=request.actor, proof=proof)
    except WebhookArchived as archived:
        messages.error(request, archived.message)
        return go_to(request, redirect("webhooks:webhook-list").url)
    if saved is None:
        return refused(request, editor, proof)
    messages.success(request, _("“%(webhook)s” was saved.") % {"webhook": saved.description})
    return go_to(request, after_saving(saved))


@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def webhook_archive(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook = find_webhook(request, uuid)
    if request.method != "POST":
        return render(request, "webhooks/webhook_archive.html", {"webhook": webhook})
    actions.archive_webhook(webhook, by=request.actor)
    messages.success(request, _("“%(webhook)s” was archived.") % {"webhook": webhook.description})
    return redirect("webhooks:webhook-list")


def find_webhook(request: PortalRequest, uuid: UUID) -> Webhook:
    """Return a webhook of the actor's participant that is not archived, or answer 404."""
    mine = Webhook.objects.for_actor(request.actor).live().select_related(*LOADED)
    return get_object_or_404(mine, uuid=uuid)


def after_saving(webhook: Webhook) -> str:
    """Return the address of the webhook's own page, when a floor above has one."""
    return slots.call("webhook_detail_url", webhook=webhook) or redirect("webhooks:webhook-list").url


def form_page(request: PortalRequest, editor: WebhookEditor, proof: Proof, **more: object) -> HttpResponse:
    addresses = settings.PORTAL_OUTBOUND_SOURCE_ADDRESSES
    context = {"editor": editor, "proof": proof, "source_addresses": addresses} | more
    return render(request, "webhooks/webhook_form.html", context)


def refused(request: PortalRequest, editor: WebhookEditor, proof: Proof) -> HttpResponse:
    """Say what to correct: beside the form that htmx left alone, or on a page with everything typed but secrets."""
    if is_htmx(request):
        context = {"editor": editor, "proof": proof, "fragment": True}
        return render(request, "webhooks/_form_errors.html", context)
    return form_page(request, editor, proof)


def go_to(request: PortalRequest, url: str) -> HttpResponse:
    if not is_htmx(request):
        return redirect(url)
    response = HttpResponse()
    response["HX-Redirect"] = url
    return response


def is_htmx(request: PortalRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
