"""What each periodic job does, in one sentence to those who run and pause them."""

from typing import Any

from django.utils.translation import gettext_lazy as _

EFFECTS: dict[str, Any] = {
    "dispatch.tasks.count_attempts": _("Adds up the attempts of the last minutes for the metrics and the chart."),
    "dispatch.tasks.remove_old_deliveries": _("Removes notifications, attempts and bodies that are past their time."),
    "webhooks.tasks.remove_webhook_tests": _("Removes old webhook tests and signing secrets that were replaced."),
    "connections.tasks.remove_connection_runs": _(
        "Removes runs of connections after a day, and tokens that nobody uses any more."
    ),
    "connections.tasks.warn_of_expiring_certificates": _(
        "Writes the notices to participants whose certificates expire soon."
    ),
    "portal.tasks.erase_participants": _(
        "Carries out the erasures that operations have ordered. Without an order it erases nobody."
    ),
    "portal.tasks.remove_leftovers": _(
        "Removes old rows of the admin's log, incidents long over, and expired counts of sign-ins."
    ),
    "access.tasks.link_audit_entries": _("Joins new audit entries to the chain that shows whether one was altered."),
    "access.tasks.remove_expired_sessions": _("Removes sessions that have ended. Nobody is signed out by it."),
    "catalog.tasks.remove_orphan_files": _("Removes stored files that belong to no publication."),
    "notices.tasks.send_notices": _("Sends the mails to participants and operators that are due."),
    "notices.tasks.remove_notices": _("Removes old notices from the outbox."),
    "dispatch.tasks.watch_sending": _(
        "Tells operators when nobody sends or notifications are late, and when it is over."
    ),
    "dispatch.tasks.stop_failing_webhooks": _("Stops webhooks whose every attempt has failed for days."),
    "dispatch.tasks.probe_stopped_webhooks": _(
        "Asks the receivers of webhooks that were stopped for failing whether they are back."
    ),
}
