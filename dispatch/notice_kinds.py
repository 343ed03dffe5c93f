"""The mails of this floor: what participants are told of their webhooks, and operators of the sending itself."""

from collections.abc import Mapping
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from notices import kinds
from notices.incidents import OVER
from notices.kinds import Kind
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import StoppedReason

WEBHOOK_FAILING = "webhook_failing"
WEBHOOK_RECOVERED = "webhook_recovered"
WEBHOOK_STOPPED = "webhook_stopped"
WEBHOOK_RESUMED = "webhook_resumed"
DISPATCHER_SILENT = "dispatcher_silent"
DELIVERIES_LATE = "deliveries_late"


def _describe_webhook(values: Mapping[str, Any]) -> Mapping[str, Any]:
    reason = values.get("reason", "")
    return {
        **values,
        "diagnosis": DIAGNOSES.get(values.get("diagnosis", "")),
        "gone": reason == StoppedReason.GONE,
        "paused": reason == StoppedReason.PAUSED,
        "reason": StoppedReason(reason).label if reason in StoppedReason.values else "",
        "since": parse_datetime(values.get("since", "")),
    }


def _describe_incident(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**values, "since": parse_datetime(values.get("since", ""))}


KINDS = (
    Kind(
        WEBHOOK_FAILING,
        _("A webhook's notifications end in error"),
        _("notifications to the webhook “%(webhook)s” end in error"),
        "dispatch/email/webhook_failing.txt",
        _describe_webhook,
    ),
    Kind(
        WEBHOOK_RECOVERED,
        _("A webhook receives again"),
        _("the webhook “%(webhook)s” receives again"),
        "dispatch/email/webhook_recovered.txt",
        _describe_webhook,
    ),
    Kind(
        WEBHOOK_STOPPED,
        _("A webhook was stopped"),
        _("the webhook “%(webhook)s” was stopped"),
        "dispatch/email/webhook_stopped.txt",
        _describe_webhook,
    ),
    Kind(
        WEBHOOK_RESUMED,
        _("A stopped webhook was started again"),
        _("the webhook “%(webhook)s” was started again"),
        "dispatch/email/webhook_resumed.txt",
        _describe_webhook,
    ),
    Kind(
        DISPATCHER_SILENT,
        _("No dispatcher shows a sign of life"),
        _("no notification is being sent"),
        "dispatch/email/dispatcher_silent.txt",
        _describe_incident,
    ),
    Kind(
        DISPATCHER_SILENT + OVER,
        _("A dispatcher is at work again"),
        _("notifications are being sent again"),
        "dispatch/email/dispatcher_silent_over.txt",
        _describe_incident,
    ),
    Kind(
        DELIVERIES_LATE,
        _("Notifications go out late"),
        _("notifications go out late"),
        "dispatch/email/deliveries_late.txt",
        _describe_incident,
    ),
    Kind(
        DELIVERIES_LATE + OVER,
        _("Notifications go out on time again"),
        _("notifications go out on time again"),
        "dispatch/email/deliveries_late_over.txt",
        _describe_incident,
    ),
)


def register() -> None:
    """Called once, when the app starts."""
    kinds.register(*KINDS)
