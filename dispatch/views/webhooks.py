"""The details of one webhook, its live parts, Enviar, and the decision about what is held."""

import time
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from access.decorators import participant_page
from access.requests import PortalRequest
from access.roles import Role
from catalog.models import Product
from dispatch import clock
from dispatch.errors import SendingRefused
from dispatch.holding import Choice, Released, release_held
from dispatch.models import Delivery
from dispatch.pages.details import WebhookDetails
from dispatch.pages.products import ProductRow, load_product_rows
from dispatch.pages.requests import build_panel
from dispatch.pages.waiting import explain_wait, tell_result
from dispatch.sending import Press, send_product
from dispatch.waiting_room import wait_for_result
from outbound.masking import masked_url
from webhooks.models import Webhook

WATCH_SECONDS = 10
NOTHING_NEW = 204


@require_safe
@participant_page()
def webhook_detail(request: PortalRequest, uuid: UUID) -> HttpResponse:
    details = _details(request, uuid)
    context = {
        "page": details,
        "webhook": details.webhook,
        "address": _address(request, details.webhook),
        "panel": build_panel(details.webhook, details.example, actor=request.actor, now=details.now),
        "may_send": request.actor.can(Role.TECHNICAL),
    }
    return render(request, "dispatch/webhook_detail.html", context)


@require_safe
@participant_page()
def webhook_live(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """What changed since the page was made, or 204, which htmx takes for "leave everything as it is"."""
    details = _details(request, uuid)
    if request.GET.get("seen") == details.stamp:
        return HttpResponse(status=NOTHING_NEW)
    context = {"page": details, "webhook": details.webhook, "may_send": request.actor.can(Role.TECHNICAL)}
    return render(request, "dispatch/_webhook_live.html", context)


@require_POST
@participant_page(role=Role.TECHNICAL)
def product_send(request: PortalRequest, uuid: UUID, product_uuid: UUID) -> HttpResponse:
    """Enviar (ONS-11). With htmx it answers the row at once; without, it waits a little for the result."""
    webhook, product = _webhook_and_product(request, uuid, product_uuid)
    try:
        sending = send_product(webhook, product, by=request.actor)
    except SendingRefused as refused:
        return _answer_refused(request, webhook, product, str(refused.message))
    if request.headers.get("HX-Request") == "true":
        said = _PRESSED[sending.press]() % {"product": product.name}
        # As text: a number in a template is written the reader's way, with a comma.
        return _answer_row(request, webhook, product, said=said, until=f"{time.time() + WATCH_SECONDS:.3f}")
    delivery = wait_for_result(sending.delivery)
    _say_result(request, product, delivery)
    return _back_to(webhook)


_PRESSED = {
    Press.CREATED: lambda: _("Sending %(product)s"),
    Press.ON_ITS_WAY: lambda: _("%(product)s is already on its way"),
    Press.BEING_SENT: lambda: _("%(product)s is being sent now"),
}


@require_safe
@participant_page(role=Role.TECHNICAL)
def product_row(request: PortalRequest, uuid: UUID, product_uuid: UUID) -> HttpResponse:
    """The row of a product that was just sent: 204 until there is a result, or until its time is up."""
    webhook, product = _webhook_and_product(request, uuid, product_uuid)
    until = _until(request)
    [row] = load_product_rows(webhook, now=clock.now(), product=product)
    if not row.settled and time.time() < until:
        return HttpResponse(status=NOTHING_NEW)
    waits = "" if row.settled else _explain(row)
    said = f"{product.name}: {waits or row.state.word}. {'' if waits else row.state.below}"
    return _render_row(request, webhook, row, said=said, waits=waits)


@require_POST
@participant_page(role=Role.TECHNICAL)
def held_release(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook = _webhook(request, uuid)
    choice = request.POST.get("choice", "")
    if choice not in Choice.values:
        messages.error(request, _("Choose what becomes of the held notifications."))
        return _back_to(webhook)
    try:
        done = release_held(webhook, choice, by=request.actor)
    except SendingRefused as refused:
        messages.error(request, str(refused.message))
    else:
        messages.success(request, _released_words(done))
    return _back_to(webhook)


def _details(request: PortalRequest, uuid: UUID) -> WebhookDetails:
    # PostgreSQL refuses a NUL in a text; nobody types one, so it is only taken out.
    words = request.GET.get("q", "").replace("\0", "")[:100].strip()
    return WebhookDetails(_webhook(request, uuid), now=clock.now(), words=words)


def _webhook(request: PortalRequest, uuid: UUID) -> Webhook:
    webhooks = Webhook.objects.for_actor(request.actor).select_related("participant")
    return get_object_or_404(webhooks, uuid=uuid)


def _webhook_and_product(request: PortalRequest, uuid: UUID, product_uuid: UUID) -> tuple[Webhook, Product]:
    webhook = _webhook(request, uuid)
    selected = Product.objects.filter(webhook_subscriptions__webhook=webhook)
    return webhook, get_object_or_404(selected, uuid=product_uuid)


def _address(request: PortalRequest, webhook: Webhook) -> str:
    return webhook.request_uri if request.actor.can(Role.TECHNICAL) else masked_url(webhook.request_uri)


def _until(request: PortalRequest) -> float:
    """When the watching of a row ends. From the address of the request, so never later than it could have been."""
    try:
        return min(float(request.GET.get("until", "0")), time.time() + WATCH_SECONDS)
    except ValueError:
        return 0.0


def _explain(row: ProductRow) -> str:
    return explain_wait(row.delivery, now=clock.now()) if row.delivery else ""


def _answer_row(request: PortalRequest, webhook: Webhook, product: Product, **more: object) -> HttpResponse:
    [row] = load_product_rows(webhook, now=clock.now(), product=product)
    return _render_row(request, webhook, row, **more)


def _render_row(request: PortalRequest, webhook: Webhook, row: ProductRow, **more: object) -> HttpResponse:
    context = {"webhook": webhook, "row": row, "may_send": True, **more}
    return render(request, "dispatch/_product_row.html", context)


def _answer_refused(request: PortalRequest, webhook: Webhook, product: Product, why: str) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _answer_row(request, webhook, product, said=why, refused=why)
    messages.error(request, why)
    return _back_to(webhook)


def _say_result(request: PortalRequest, product: Product, delivery: Delivery) -> None:
    words = f"{product.name}: {tell_result(delivery, now=clock.now())}"
    if delivery.state == "delivered":
        messages.success(request, words)
    elif delivery.state == "failed" or delivery.retrying:
        messages.error(request, words)
    else:
        messages.info(request, words)


def _back_to(webhook: Webhook) -> HttpResponse:
    response = redirect("dispatch:webhook-detail", webhook.uuid)
    response.status_code = 303
    return response


def _released_words(done: Released) -> str:
    sent = ngettext("%(n)s notification is on its way", "%(n)s notifications are on their way", done.sent)
    cancelled = ngettext("%(n)s was cancelled", "%(n)s were cancelled", done.cancelled)
    return f"{sent % {'n': done.sent}}, {cancelled % {'n': done.cancelled}}."
