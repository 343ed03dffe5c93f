"""What lower pages ask for and only the portal can answer: who was told of what, and what a block would do."""

from collections.abc import Mapping, Sequence
from typing import cast

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from access import slots
from access.models import Participant
from access.requests import PortalRequest
from access.templatetags.house import state
from catalog.models import Publication
from dispatch import slots as deliveries
from dispatch.models import Delivery, ProductStatus
from dispatch.pages.health import count_problems, in_trouble
from portal import connection_slots, download_links, erasing, told
from webhooks.models import ProductSubscription, Webhook
from webhooks.querysets import WebhookQuerySet


def fill() -> None:
    """Called once, when the portal starts."""
    slots.fill("webhooks_with_problems", webhooks_with_problems)
    slots.fill("product_webhook_states", product_webhook_states)
    slots.fill("product_choices", product_choices)
    slots.fill("publication_webhooks", publication_webhooks)
    slots.fill("webhook_detail_url", deliveries.webhook_detail_url)
    slots.fill("webhooks_in_trouble", in_trouble)
    slots.fill("webhook_rows_head", deliveries.webhook_rows_head)
    slots.fill("webhook_row_state", deliveries.webhook_row_state)
    slots.fill("webhook_row_reason", deliveries.webhook_row_reason)
    slots.fill("webhook_row_sending", deliveries.webhook_row_sending)
    slots.fill("webhook_row_buttons", deliveries.webhook_row_buttons)
    slots.fill("link_holds", download_links.link_holds)
    slots.fill("erasure_plan", erasing.plan_erasure)
    slots.fill("participants_block_effect", participants_block_effect)
    slots.fill("participants_unblock_effect", participants_unblock_effect)
    connection_slots.fill()


def webhooks_with_problems(request: HttpRequest) -> int:
    return count_problems(_own(request))


def product_webhook_states(request: HttpRequest, *, latest: Mapping[int, Publication | None]) -> dict[int, SafeString]:
    """The column "My webhooks" of the list of products, for the whole page at once."""
    active = _own(request).filter(active=True).values_list("pk", flat=True)
    publications = [publication for publication in latest.values() if publication]
    summary = told.summarise(list(latest), publications, list(active))
    return {
        product_id: state(summary.describe(product_id, publication), badge=False)
        for product_id, publication in latest.items()
    }


def product_choices(request: HttpRequest) -> dict[str, tuple[str, Q]]:
    """How the list of products may be narrowed: those that a webhook wants, those whose last notification failed."""
    own = _own(request).values("pk")
    wanted = ProductSubscription.objects.filter(webhook__in=own).values("product")
    failed = ProductStatus.objects.filter(told.gone_wrong(), webhook__in=own).values("product")
    return {
        "subscribed": (pgettext("several products", "Subscribed"), Q(pk__in=wanted)),
        "failed": (_("With failures"), Q(pk__in=failed)),
    }


def publication_webhooks(request: HttpRequest, *, publication: Publication) -> SafeString | None:
    lines = told.lines_of(publication, list(_own(request).order_by("description", "pk")))
    return render_to_string("portal/_publication_webhooks.html", {"lines": lines}, request=request) if lines else None


def participants_block_effect(request: HttpRequest, *, participants: Sequence[Participant]) -> str:
    webhooks = Webhook.objects.live().filter(participant__in=participants, active=True).count()
    waiting = Delivery.objects.waiting().filter(webhook__participant__in=participants).count()
    first = ngettext(
        "%(n)s active webhook receives nothing any more.", "%(n)s active webhooks receive nothing any more.", webhooks
    )
    second = ngettext("%(n)s waiting notification is held.", "%(n)s waiting notifications are held.", waiting)
    return f"{first % {'n': webhooks}} {second % {'n': waiting}}"


def participants_unblock_effect(request: HttpRequest, *, participants: Sequence[Participant]) -> str:
    held = Delivery.objects.filter(state="held", webhook__participant__in=participants).count()
    words = ngettext(
        "%(n)s held notification waits for its participant's decision.",
        "%(n)s held notifications wait for their participants' decision.",
        held,
    )
    return words % {"n": held}


def _own(request: HttpRequest) -> WebhookQuerySet:
    return cast(WebhookQuerySet, Webhook.objects.for_actor(cast(PortalRequest, request).actor).live())
