"""Enviar Tudo and Reenviar Pendentes: the preview, the press, the progress, the stop. Each is a page, and with a script
the same in a dialog over the page that it was opened from (`dialog=1`)."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import participant_page
from access.errors import ActionError
from access.requests import PortalRequest
from access.roles import Role
from dispatch import clock
from dispatch.batches import find_running, start_batch, stop_batch
from dispatch.models import SendBatch
from dispatch.pages.batches import BatchPage, make_strip
from dispatch.pages.previews import PreviewPage
from outbound.masking import masked_url
from webhooks.models import Webhook

NOTHING_NEW = 204


@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def batch_create(request: PortalRequest, uuid: UUID, kind: str) -> HttpResponse:
    webhooks = Webhook.objects.for_actor(request.actor).select_related("participant")
    webhook = get_object_or_404(webhooks, uuid=uuid)
    if request.method == "POST":
        return _start(request, webhook, kind)
    if running := find_running([webhook.pk]).get(webhook.pk):
        return _to_batch(request, running)
    return _preview(request, PreviewPage(webhook, kind, everything="all" in request.GET))


@require_safe
@participant_page()
def batch_detail(request: PortalRequest, uuid: UUID, batch_uuid: UUID) -> HttpResponse:
    page = _page(request, uuid, batch_uuid)
    name = "_batch_dialog" if "dialog" in request.GET else "batch_detail"
    return render(request, f"dispatch/{name}.html", _context(request, page))


@require_safe
@participant_page()
def batch_live(request: PortalRequest, uuid: UUID, batch_uuid: UUID) -> HttpResponse:
    """What changed since the page was made, or 204, which htmx takes for "leave everything as it is"."""
    page = _page(request, uuid, batch_uuid)
    if request.GET.get("seen") == page.stamp:
        return HttpResponse(status=NOTHING_NEW)
    failed = request.GET.get("failed", "")
    said = page.announce(int(failed[:6]) if failed.isdecimal() else 0)
    return _render_live(request, page, said=said)


@require_POST
@participant_page(role=Role.TECHNICAL)
def batch_stop(request: PortalRequest, uuid: UUID, batch_uuid: UUID) -> HttpResponse:
    batch = _batch(request, uuid, batch_uuid)
    words = _stopped_words(stop_batch(batch, by=request.actor))
    if request.headers.get("HX-Request") == "true":
        return _render_live(request, _page(request, uuid, batch_uuid), said=words)
    messages.info(request, words)
    return _to_batch(request, batch)


def _start(request: PortalRequest, webhook: Webhook, kind: str) -> HttpResponse:
    try:
        token = UUID(request.POST.get("token", ""))
    except ValueError:
        return _preview(request, PreviewPage(webhook, kind, refused=_("Look at what would go out before you send.")))
    try:
        batch = start_batch(webhook, kind, by=request.actor, token=token, expected=request.POST.get("expected", "-"))
    except ActionError as refused:
        webhook.refresh_from_db()
        return _preview(request, PreviewPage(webhook, kind, refused=str(refused.message)))
    return _to_batch(request, batch)


def _preview(request: PortalRequest, page: PreviewPage) -> HttpResponse:
    dialog = "dialog" in request.GET or "dialog" in request.POST
    # In a dialog that is open already only its inside is changed.
    name = ("_batch_preview" if request.method == "POST" else "_batch_dialog") if dialog else "batch_preview"
    context = {"page": page, "webhook": page.webhook, "dialog": dialog, "address": masked_url(page.webhook.request_uri)}
    return render(request, f"dispatch/{name}.html", context)


def _to_batch(request: PortalRequest, batch: SendBatch) -> HttpResponse:
    """Lead to the progress: as a page, into an open dialog, or as a dialog to open."""
    if "dialog" in request.POST:
        page = BatchPage(batch, now=clock.now())
        context = _context(request, page) | {"said": page.title, "strip": make_strip(batch), "focus": True}
        return render(request, "dispatch/_batch_live.html", context)
    response = redirect("dispatch:batch-detail", batch.webhook.uuid, batch.uuid)
    if "dialog" in request.GET:
        response["Location"] += "?dialog=1"
    response.status_code = 303
    return response


def _render_live(request: PortalRequest, page: BatchPage, *, said: str) -> HttpResponse:
    context = _context(request, page) | {"said": said}
    if context["dialog"]:
        context["strip"] = make_strip(page.batch)
    return render(request, "dispatch/_batch_live.html", context)


def _context(request: PortalRequest, page: BatchPage) -> dict[str, object]:
    return {
        "page": page,
        "batch": page.batch,
        "webhook": page.batch.webhook,
        "dialog": "dialog" in request.GET or "dialog" in request.POST,
        "may_send": request.actor.can(Role.TECHNICAL),
    }


def _page(request: PortalRequest, uuid: UUID, batch_uuid: UUID) -> BatchPage:
    return BatchPage(_batch(request, uuid, batch_uuid), now=clock.now())


def _batch(request: PortalRequest, uuid: UUID, batch_uuid: UUID) -> SendBatch:
    webhooks = Webhook.objects.for_actor(request.actor).filter(uuid=uuid)
    batches = SendBatch.objects.filter(webhook__in=webhooks).select_related("webhook__participant")
    return get_object_or_404(batches, uuid=batch_uuid)


def _stopped_words(cancelled: int) -> str:
    if not cancelled:
        return _("Nothing was waiting any more: there is nothing to stop.")
    words = ngettext(
        "Stopped. %(n)s notification was cancelled.", "Stopped. %(n)s notifications were cancelled.", cancelled
    )
    return words % {"n": cancelled}
