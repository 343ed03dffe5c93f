"""Documentation inside the product: what a webhook is, how to receive one, with the reader's own products and webhooks
as the examples."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access.decorators import participant_page
from access.models import Participant
from access.requests import PortalRequest
from dispatch import clock
from dispatch.retry import BACKOFF_CAP_SECONDS, RETRY_AFTER_CAP_SECONDS
from outbound.transfer import KEEP_BYTES
from portal.help.examples import EXAMPLE_SECRET, list_examples, pick, show_formats, show_request
from portal.help.timeline import build_timeline, policy_of
from webhooks.diagnosis import GROUPS
from webhooks.models import Webhook
from webhooks.querysets import WebhookQuerySet
from webhooks.samples.languages import LANGUAGES

# Enough to choose from; whoever has more opens the webhook itself.
LONGEST_CHOICE = 100


@require_safe
@participant_page()
def help_home(request: PortalRequest) -> HttpResponse:
    context = {
        "webhooks": list(_own(request)[:LONGEST_CHOICE]),
        "languages": ", ".join(each.label for each in LANGUAGES.values()),
    }
    return _page(request, "help_home", context)


@require_safe
@participant_page()
def help_receiving(request: PortalRequest) -> HttpResponse:
    example = show_request(clock.now())
    context = {
        "at_once": settings.PORTAL_DISPATCH_LANE_CAP,
        "deadline": round(settings.PORTAL_OUTBOUND_DEADLINE_SECONDS),
        "example": example,
        "keep_kibibytes": KEEP_BYTES // 1024,
        "link_days": settings.PORTAL_DOWNLOAD_LINK_DAYS,
        "secret": EXAMPLE_SECRET,
        "source_addresses": settings.PORTAL_OUTBOUND_SOURCE_ADDRESSES,
        "wait_cap_minutes": RETRY_AFTER_CAP_SECONDS // 60,
    }
    return _page(request, "help_receiving", context)


@require_safe
@participant_page()
def help_formats(request: PortalRequest) -> HttpResponse:
    found = list_examples(_participant(request))
    chosen = pick(found, request.GET.get("product", ""))
    context = {"publications": found, "chosen": chosen, "examples": show_formats(chosen, clock.now())}
    return _page(request, "help_formats", context)


@require_safe
@participant_page()
def help_retries(request: PortalRequest) -> HttpResponse:
    webhooks = list(_own(request)[:LONGEST_CHOICE])
    wanted = request.GET.get("webhook", "")
    chosen = next((each for each in webhooks if str(each.uuid) == wanted), webhooks[0] if webhooks else None)
    context = {
        "backoff_cap_hours": BACKOFF_CAP_SECONDS // 3_600,
        "chosen": chosen,
        "stop_hours": settings.PORTAL_FAILING_STOP_AFTER_HOURS,
        "timeline": build_timeline(policy_of(chosen)),
        "wait_cap_minutes": RETRY_AFTER_CAP_SECONDS // 60,
        "webhooks": webhooks,
    }
    return _page(request, "help_retries", context)


@require_safe
@participant_page()
def help_failures(request: PortalRequest) -> HttpResponse:
    return _page(request, "help_failures", {"groups": GROUPS})


def _page(request: PortalRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"portal/help/{name}.html", {"topic": name, **context})


def _participant(request: PortalRequest) -> Participant:
    return cast(Participant, request.actor.participant)


def _own(request: PortalRequest) -> WebhookQuerySet:
    return cast(WebhookQuerySet, Webhook.objects.for_actor(request.actor).live().order_by("description", "pk"))
