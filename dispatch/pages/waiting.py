"""What a delivery that somebody watches is waiting for, in words."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch import clock
from dispatch.beats import SILENT_AFTER, last_beat_at
from dispatch.models import Delivery, Lane, State
from dispatch.pages.states import describe_delivery, is_in_flight, is_settled


def tell_result(delivery: Delivery, *, now: datetime) -> str:
    """Return in one sentence what a sending has come to, or what it waits for. At most two queries."""
    if not is_settled(delivery):
        return explain_wait(delivery, now=now)
    last = delivery.attempts.filter(number=delivery.attempts_made).values_list("duration_ms", flat=True).first()
    state = describe_delivery(delivery, now=now, duration_ms=last)
    return f"{state.word}: {state.below}." if state.below else f"{state.word}."


def explain_wait(delivery: Delivery, *, now: datetime) -> str:
    """Return what keeps an open delivery from being sent, "" when nothing does. At most two queries."""
    if delivery.state != State.WAITING:
        return ""
    if is_in_flight(delivery, now=now):
        return _("Sent, and the receiver has not answered yet.")
    beat = last_beat_at()
    if beat is None or beat < clock.now() - SILENT_AFTER:
        return _("No dispatcher is running at the moment. It is sent as soon as one does; tell operations.")
    lane = Lane.objects.filter(pk=delivery.webhook_id).first()
    if lane and lane.open_at and lane.open_at > now:
        return _explain_closed(lane, limited=delivery.webhook.rate_limit_count is not None)
    return _("Others are being sent before it. It goes out as soon as it is its turn.")


def _explain_closed(lane: Lane, *, limited: bool) -> str:
    assert lane.open_at is not None
    moment = timezone.localtime(lane.open_at).strftime("%H:%M:%S")
    if limited:
        return _("The webhook's rate limit, or the receiver, lets the next one go at %(time)s.") % {"time": moment}
    return _("The receiver asked for a pause until %(time)s.") % {"time": moment}
