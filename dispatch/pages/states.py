"""States as people see them: icon, word, colour, and the line below that says why or when."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from dispatch.models import Delivery, Reason, State
from webhooks.diagnosis import DIAGNOSES


@dataclass(frozen=True)
class StateView:
    """What `{% state %}` shows; `below` is the second line, empty when there is nothing to add."""

    tone: str
    icon: str
    word: str
    below: str = ""


def describe_delivery(delivery: Delivery, *, now: datetime, duration_ms: int | None = None) -> StateView:
    """Return the state of a delivery at `now`; `duration_ms` is that of its last attempt, if known."""
    match delivery.state:
        case State.DELIVERED:
            return StateView("ok", "circle-check", _("Delivered"), _answer_words(delivery, duration_ms))
        case State.FAILED:
            return StateView("bad", "circle-x", _("Failed"), _failure_words(delivery))
        case State.CANCELLED:
            return StateView("idle", "ban", _("Cancelled"), delivery.get_reason_display())
        case State.HELD:
            return StateView("idle", "player-pause", _("Held"), delivery.get_reason_display())
    return _describe_waiting(delivery, now)


def describe_briefly(delivery: Delivery, *, now: datetime) -> StateView:
    """Return the state for a title, where the line below has no place."""
    return replace(describe_delivery(delivery, now=now), below="")


def _describe_waiting(delivery: Delivery, now: datetime) -> StateView:
    if is_in_flight(delivery, now=now):
        return StateView("run", "loader-2", _("Being sent"), _failure_words(delivery) if delivery.retrying else "")
    due = delivery.due_at or now
    if delivery.retrying:
        word = _retry_words(due) if due > now else _("New attempt is due")
        return StateView("warn", "repeat", word, failure_text(delivery.last_status, delivery.last_diagnosis))
    if due > now:
        return StateView("idle", "clock-hour-4", _("Scheduled for %(time)s") % {"time": clock_text(due)})
    return StateView("run", "hourglass", _("On its way"))


def is_in_flight(delivery: Delivery, *, now: datetime) -> bool:
    """Whether a worker is sending it. One whose lease ran out died: the row waits to be claimed again."""
    return delivery.being_sent and delivery.due_at is not None and delivery.due_at > now


def is_settled(delivery: Delivery) -> bool:
    """Whether the attempt that somebody watches has come to something: an end, or a failure with a retry to come."""
    if delivery.state != State.WAITING:
        return True
    return delivery.lease_token is None and delivery.counted_attempts > 0


def failure_text(status: int | None, diagnosis: str) -> str:
    """Return in few words why an attempt failed."""
    if diagnosis in DIAGNOSES:
        return str(DIAGNOSES[diagnosis].title)
    return str(status) if status else _("No answer")


def seconds_text(milliseconds: int | None) -> str:
    """Return a duration as "0.36 s" in the reader's way of writing numbers."""
    if milliseconds is None:
        return ""
    return _("%(seconds)s s") % {"seconds": number_format(milliseconds / 1000, decimal_pos=2)}


def percent_text(number: str) -> str:
    """Return a share as "94.3%", in the reader's way of writing it."""
    return _("%(number)s%%") % {"number": number}


def attempts_text(made: int, maximum: int) -> str:
    """Return "2 of 5". The maximum may have been lowered since: then no more than it is not said."""
    if made > maximum:
        return _("%(made)s (now at most %(maximum)s)") % {"made": made, "maximum": maximum}
    return _("%(made)s of %(maximum)s") % {"made": made, "maximum": maximum}


def clock_text(moment: datetime) -> str:
    """Return the time of day, with the day in front when it is another one."""
    local = timezone.localtime(moment)
    clock = local.strftime("%H:%M")
    if local.date() == timezone.localdate():
        return clock
    return f"{date_format(local, _('j M'))} {clock}"


def _retry_words(due: datetime) -> str:
    # Two sentences and not one: in Portuguese a time and a day take different prepositions.
    local = timezone.localtime(due)
    moment = {"time": local.strftime("%H:%M"), "day": date_format(local, _("j M"))}
    if local.date() == timezone.localdate():
        return _("New attempt at %(time)s") % moment
    return _("New attempt on %(day)s at %(time)s") % moment


def _answer_words(delivery: Delivery, duration_ms: int | None) -> str:
    if not delivery.last_status:
        return ""
    if duration_ms is None:
        return str(delivery.last_status)
    return _("%(status)s in %(duration)s") % {
        "status": delivery.last_status,
        "duration": seconds_text(duration_ms),
    }


def _failure_words(delivery: Delivery) -> str:
    why = failure_text(delivery.last_status, delivery.last_diagnosis)
    if delivery.reason in (Reason.EXHAUSTED, Reason.LOST_WORKER):
        return f"{why} · {delivery.get_reason_display()}"
    return why
