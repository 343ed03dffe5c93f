"""Deliveries: the list, the page of one, send again, cancel."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.decorators import participant_page
from access.errors import ActionError
from access.requests import PortalRequest
from access.roles import Role
from dispatch import clock
from dispatch.actions import stop_delivery
from dispatch.forms import DeliveryFilter
from dispatch.models import Delivery
from dispatch.pages.delivery import DeliveryPage
from dispatch.pages.listing import load_page
from dispatch.pages.waiting import tell_result
from dispatch.sending import Sending, refuse_unsendable, send_event, send_product
from dispatch.waiting_room import wait_for_result

NOTHING_NEW = 204


@require_safe
@participant_page()
def delivery_list(request: PortalRequest) -> HttpResponse:
    shown = DeliveryFilter(request.GET, actor=request.actor)
    page = load_page(request.actor, shown.chosen(), before=request.GET.get("before", ""), now=clock.now())
    return render(request, "dispatch/delivery_list.html", {"filter": shown, "page": page})


@require_safe
@participant_page()
def delivery_detail(request: PortalRequest, uuid: UUID) -> HttpResponse:
    page = _page(request, uuid)
    return render(request, "dispatch/delivery_detail.html", {"page": page, "delivery": page.delivery})


@require_safe
@participant_page()
def delivery_live(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """What changed since the page was made, or 204, which htmx takes for "leave everything as it is"."""
    page = _page(request, uuid)
    if request.GET.get("seen") == page.stamp:
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "dispatch/_delivery_live.html", {"page": page, "delivery": page.delivery, "swapped": True})


@require_POST
@participant_page(role=Role.TECHNICAL)
def delivery_send(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """Send again: of a publication its product's last version, of any other event that very event."""
    delivery = _delivery(request, uuid)
    try:
        sending = _send_again(delivery, request)
    except ActionError as refused:
        messages.error(request, str(refused.message))
        return _to(delivery)
    sent = wait_for_result(sending.delivery)
    messages.info(request, tell_result(sent, now=clock.now()))
    return _to(sent)


@require_POST
@participant_page(role=Role.TECHNICAL)
def delivery_stop(request: PortalRequest, uuid: UUID) -> HttpResponse:
    delivery = _delivery(request, uuid)
    try:
        stop_delivery(delivery, by=request.actor)
    except ActionError as refused:
        messages.error(request, str(refused.message))
    else:
        messages.success(request, _("Cancelled: this notification is not sent again."))
    return _to(delivery)


def _send_again(delivery: Delivery, request: PortalRequest) -> Sending:
    publication = delivery.event.publication
    if publication is not None:
        return send_product(delivery.webhook, publication.product, by=request.actor)
    refuse_unsendable(delivery.webhook)
    return send_event(delivery.webhook, delivery.event, product=None, by=request.actor)


def _page(request: PortalRequest, uuid: UUID) -> DeliveryPage:
    return DeliveryPage(_delivery(request, uuid), actor=request.actor, now=clock.now())


def _delivery(request: PortalRequest, uuid: UUID) -> Delivery:
    deliveries = Delivery.objects.for_actor(request.actor).select_related(
        "webhook__participant", "event__publication__product__process__macro_process"
    )
    return get_object_or_404(deliveries, uuid=uuid)


def _to(delivery: Delivery) -> HttpResponse:
    response = redirect("dispatch:delivery-detail", delivery.uuid)
    response.status_code = 303
    return response
