"""The page of a webhook's signing secret: shown once, replaced when its owner asks."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from access.decorators import participant_page
from access.errors import ActionError
from access.reauthentication import Proof
from access.requests import PortalRequest
from access.roles import Role
from webhooks import actions
from webhooks.models import Webhook
from webhooks.views import after_saving, find_webhook


@require_safe
@participant_page(role=Role.TECHNICAL)
def webhook_secret(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook = find_webhook(request, uuid)
    return secret_page(request, webhook)


@require_POST
@participant_page(role=Role.TECHNICAL)
@sensitive_variables("secret", "context")
def webhook_secret_show(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """Show the secret in the answer to the POST itself: it is kept in no session, message or address."""
    webhook = find_webhook(request, uuid)
    if page := ask_first(request, webhook, _("Confirm and show the secret")):
        return page
    try:
        secret = actions.reveal_signing_secret(webhook, by=request.actor)
    except ActionError as refused:
        messages.warning(request, refused.message)
        return redirect("webhooks:webhook-secret", uuid=uuid)
    response = secret_page(request, webhook, secret=secret)
    add_never_cache_headers(response)
    return response


@require_POST
@participant_page(role=Role.TECHNICAL)
def webhook_secret_rotate(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook = find_webhook(request, uuid)
    if page := ask_first(request, webhook, _("Confirm and make a new secret")):
        return page
    actions.rotate_signing_secret(webhook, by=request.actor)
    messages.success(request, _("A new signing secret was made. The one so far signs as well for 24 hours."))
    return redirect("webhooks:webhook-secret", uuid=uuid)


@require_POST
@participant_page(role=Role.TECHNICAL)
def webhook_secret_end(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """End the overlap after a rotation: the receiver knows the new secret, or the old one has leaked."""
    webhook = find_webhook(request, uuid)
    if page := ask_first(request, webhook, _("Confirm and end it")):
        return page
    if actions.end_signing_overlap(webhook, by=request.actor):
        messages.success(request, _("The secret so far signs no longer."))
    else:
        messages.info(request, _("The secret so far did not sign any more: nothing was changed."))
    return redirect("webhooks:webhook-secret", uuid=uuid)


def ask_first(request: PortalRequest, webhook: Webhook, words: str) -> HttpResponse | None:
    """Return the page that asks who is there, in place of doing it; None for somebody who has just proved it."""
    proof = Proof(request)
    return secret_page(request, webhook, proof=proof, words=words) if proof.ask() else None


@sensitive_variables("more", "context")
def secret_page(request: PortalRequest, webhook: Webhook, **more: object) -> HttpResponse:
    context = {"webhook": webhook, "continue_url": after_saving(webhook)} | more
    return render(request, "webhooks/webhook_secret.html", context)
