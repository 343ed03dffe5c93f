"""Enviar: one product of one webhook, its last version, now (ONS-11, delivery.md "Manual sendings")."""

from dataclasses import dataclass
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access.actors import Actor
from access.audit import record
from catalog.models import Product, Publication
from dispatch import actions, clock, statuses
from dispatch.errors import SendingRefused
from dispatch.models import Cause, Delivery, Event, Lane, Mode, Reason, State
from dispatch.wakeup import wake_dispatchers
from webhooks.models import StoppedReason, Webhook


class Press(StrEnum):
    """What a press of Enviar came to."""

    CREATED = "created"
    ON_ITS_WAY = "on_its_way"
    BEING_SENT = "being_sent"


@dataclass(frozen=True)
class Sending:
    """The delivery that a press leads to, made by it or found under way."""

    delivery: Delivery
    press: Press


def send_product(webhook: Webhook, product: Product, *, by: Actor) -> Sending:
    """Send the last version of `product` to `webhook` now; returns at once, the dispatcher does it.

    What waits for the same subject is superseded, unless it is being sent or is a sending by hand not yet tried: then
    that one is returned, so fifty presses make one delivery. Raises SendingRefused with the reason.
    """
    refuse_unsendable(webhook)
    event = find_last_event(product)
    if not webhook.product_subscriptions.filter(product=product).exists():
        raise SendingRefused("not_subscribed", _("This product is not selected for this webhook."))
    if not Product.objects.visible_to(webhook.participant).filter(pk=product.pk).exists():
        # The selection outlives a grant that was taken back; the right to be told does not.
        message = _("This product is not available to this participant any more.")
        raise SendingRefused("not_available", message)
    return send_event(webhook, event, product=product, by=by)


def refuse_unsendable(webhook: Webhook) -> None:
    """Raise SendingRefused unless notifications may be sent to `webhook` now."""
    refusals = (
        (webhook.archived, "archived", _("This webhook is archived.")),
        (webhook.participant.blocked, "blocked", _("This participant is blocked by the operator.")),
        (
            webhook.stopped_reason == StoppedReason.PAUSED,
            "paused",
            _("Operations have paused this webhook. They start it again."),
        ),
        (webhook.stopped, "stopped", _("This webhook is stopped. Solve what stopped it and activate it again.")),
        (not webhook.active, "inactive", _("This webhook is inactive. Activate it before sending.")),
        (not webhook.ready, "not_ready", _("This webhook's authentication is incomplete.")),
    )
    for refused, code, message in refusals:
        if refused:
            raise SendingRefused(code, message)


def find_last_event(product: Product) -> Event:
    """Return the event of a product's last version. Raises SendingRefused when there is none."""
    publication = Publication.objects.latest_of(product)
    event = publication and Event.objects.filter(publication=publication, mode=Mode.LIVE).first()
    if not event:
        raise SendingRefused("never_published", _("This product has not been published yet."))
    return event


def send_event(webhook: Webhook, event: Event, *, product: Product | None, by: Actor) -> Sending:
    """Write an urgent delivery of `event` for `webhook`, or return the one that is under way."""
    try:
        with transaction.atomic():
            under_way = _supersede(webhook, event.subject)
            sending = under_way or _create(webhook, event, product, by)
    except IntegrityError:
        # Another press was faster: the database lets one sending by hand wait per webhook and subject. The newest is
        # meant, whatever its state: it waited a moment ago, and may have been sent since.
        faster = Delivery.objects.manual().filter(webhook=webhook, subject=event.subject).order_by("-pk").first()
        if faster is None:
            raise
        return Sending(faster, Press.ON_ITS_WAY)
    return sending


def _supersede(webhook: Webhook, subject: str) -> Sending | None:
    """Cancel what waits for this subject, or return what must not be cancelled.

    The rows are locked: a claim skips them until we are done, and what a claim holds we see as leased.
    """
    open_rows = (
        Delivery.objects.filter(webhook=webhook, subject=subject).open().order_by("pk").select_for_update(no_key=True)
    )
    rows = list(open_rows)
    for delivery in rows:
        if delivery.being_sent:
            return Sending(delivery, Press.BEING_SENT)
        if delivery.cause != Cause.AUTOMATIC and delivery.state == State.WAITING and not delivery.attempts_made:
            return Sending(delivery, Press.ON_ITS_WAY)
    actions.cancel(Delivery.objects.filter(pk__in=[delivery.pk for delivery in rows]), reason=Reason.SUPERSEDED)
    return None


def _create(webhook: Webhook, event: Event, product: Product | None, by: Actor) -> Sending:
    now = clock.now()
    Lane.objects.get_or_create(webhook=webhook)
    delivery = Delivery.objects.create(
        event=event,
        webhook=webhook,
        cause=Cause.ENVIAR,
        subject=event.subject,
        urgent=True,
        due_at=now,
        created_at=now,
        created_by=by.label,
    )
    if product is not None and event.mode == Mode.LIVE:
        statuses.point_to(delivery, product, now=now)
    record(
        by=by, action="dispatch.delivery.requested", obj=delivery, after={"webhook": webhook, "subject": event.subject}
    )
    wake_dispatchers()
    return Sending(delivery, Press.CREATED)
