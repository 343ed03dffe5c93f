"""What lower pages ask about deliveries: the state of a webhook in its list row, and the way to its page."""

from collections.abc import Sequence
from typing import cast

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from access.requests import PortalRequest
from dispatch import clock
from dispatch.pages.batches import Strip, load_strips
from dispatch.pages.figures import Figures, load_sparks
from dispatch.pages.health import Health, load_health
from dispatch.pages.products import why_not_sendable
from dispatch.pending import Pending, count_pending
from webhooks.models import Webhook

# Where the answers for a whole page wait, so that a list asks the database once and not once a row.
_HEALTH = "_dispatch_health"
_PENDING = "_dispatch_pending"
_SPARKS = "_dispatch_sparks"
_STRIPS = "_dispatch_strips"
_WEBHOOKS = "_dispatch_webhooks"


def webhook_detail_url(request: HttpRequest | None = None, *, webhook: Webhook) -> str:
    return reverse("dispatch:webhook-detail", args=[webhook.uuid])


def webhook_row_state(request: HttpRequest, *, webhook: Webhook) -> SafeString:
    """How the webhook is doing, since when, its last fourteen days, and how much waits for it."""
    context = {
        "health": _health(request)[webhook.pk],
        "figures": _sparks(request)[webhook.pk],
        "pending": _pending(request)[webhook.pk].total,
        "strip": _strips(request).get(webhook.pk),
        "webhook": webhook,
    }
    return render_to_string("dispatch/_webhook_row_state.html", context)


def webhook_rows_head(request: HttpRequest, *, webhooks: Sequence[Webhook]) -> SafeString:
    """The titles over what `webhook_row_state` puts into each row. `webhooks`: those of the page, with their
    participants; no others are read."""
    setattr(request, _WEBHOOKS, list(webhooks))
    return render_to_string("dispatch/_webhook_rows_head.html")


def webhook_row_reason(request: HttpRequest, *, webhook: Webhook) -> SafeString | None:
    """What happened to the last notification, in words, while the webhook fails; or that somebody has to decide."""
    health = _health(request)[webhook.pk]
    held = _pending(request)[webhook.pk].held
    if held and not health.problem:
        context = {"held": held, "webhook": webhook}
        return render_to_string("dispatch/_webhook_row_held.html", context)
    reason = health.diagnosis.happened if health.diagnosis else health.state.below
    if not (health.problem and reason):
        return None
    return render_to_string("dispatch/_webhook_row_reason.html", {"health": health, "reason": reason})


def webhook_row_sending(request: HttpRequest, *, webhook: Webhook) -> SafeString:
    """Enviar Tudo and Reenviar Pendentes (ONS-16)."""
    # From the loaded ones: those have their participant with them.
    own = next(each for each in _webhooks(request) if each.pk == webhook.pk)
    context = {
        "refusal": why_not_sendable(own),
        "resendable": _pending(request)[webhook.pk].resendable,
        "size": " btn-small",
        "webhook": webhook,
    }
    return render_to_string("dispatch/_batch_buttons.html", context)


def webhook_row_buttons(request: HttpRequest, *, webhook: Webhook) -> SafeString:
    """Exibir Detalhes (ONS-15, ONS-16)."""
    return render_to_string("dispatch/_webhook_row_buttons.html", {"webhook": webhook})


def _health(request: HttpRequest) -> dict[int, Health]:
    if not hasattr(request, _HEALTH):
        setattr(request, _HEALTH, load_health(_webhooks(request)))
    return cast(dict[int, Health], getattr(request, _HEALTH))


def _sparks(request: HttpRequest) -> dict[int, Figures]:
    if not hasattr(request, _SPARKS):
        webhook_ids = [webhook.pk for webhook in _webhooks(request)]
        setattr(request, _SPARKS, load_sparks(webhook_ids, now=clock.now()))
    return cast(dict[int, Figures], getattr(request, _SPARKS))


def _pending(request: HttpRequest) -> dict[int, Pending]:
    if not hasattr(request, _PENDING):
        setattr(request, _PENDING, count_pending([webhook.pk for webhook in _webhooks(request)]))
    return cast(dict[int, Pending], getattr(request, _PENDING))


def _strips(request: HttpRequest) -> dict[int, Strip]:
    if not hasattr(request, _STRIPS):
        setattr(request, _STRIPS, load_strips(_pending(request)))
    return cast(dict[int, Strip], getattr(request, _STRIPS))


def _webhooks(request: HttpRequest) -> list[Webhook]:
    if not hasattr(request, _WEBHOOKS):
        own = Webhook.objects.for_actor(cast(PortalRequest, request).actor)
        setattr(request, _WEBHOOKS, list(own.select_related("participant")))
    return cast(list[Webhook], getattr(request, _WEBHOOKS))
