"""What changes people and participants. Each action has its own transaction and leaves an audit row."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access import audit
from access.actors import Actor
from access.erasing import find_people
from access.errors import ActionError
from access.models import Erasure, Participant, User
from access.signals import participant_changed

_REASON_LENGTH = 500


def block_participant(participant: Participant, *, reason: str, by: Actor) -> Participant:
    """Take a participant out: its members see no page, its webhooks get nothing until it is unblocked.

    `participant_changed` lets the floors above react in the same transaction. Raises ActionError: reason_missing,
    reason_too_long, already_blocked.
    """
    reason = reason.strip()
    _check_reason(reason)
    with transaction.atomic():
        locked = Participant.objects.select_for_update(no_key=True).get(pk=participant.pk)
        if locked.blocked:
            raise ActionError("already_blocked", _("%(name)s is already blocked.") % {"name": locked.name})
        locked.blocked_at, locked.blocked_reason = timezone.now(), reason
        _save_block(locked, "access.participant.blocked", before={"blocked": False}, by=by)
    return locked


def unblock_participant(participant: Participant, *, by: Actor) -> Participant:
    """Let a blocked participant in again. Raises ActionError: not_blocked, erased."""
    with transaction.atomic():
        locked = Participant.objects.select_for_update(no_key=True).get(pk=participant.pk)
        if not locked.blocked:
            raise ActionError("not_blocked", _("%(name)s is not blocked.") % {"name": locked.name})
        if Erasure.objects.filter(participant=locked).exists():
            raise ActionError(
                "erased", _("%(name)s is being erased, or was: it stays blocked.") % {"name": locked.name}
            )
        before = {"blocked": True, "reason": locked.blocked_reason}
        locked.blocked_at, locked.blocked_reason = None, ""
        _save_block(locked, "access.participant.unblocked", before=before, by=by)
    return locked


def request_erasure(participant: Participant, *, reason: str, by: Actor) -> Erasure:
    """Order that a participant is erased, and block it. A job does it, for good (portal/erasing.py); the row of the
    order and its audit entries stay, so the reason names nobody. Raises ActionError: reason_missing, reason_too_long,
    already_erasing."""
    reason = reason.strip()
    with transaction.atomic():
        locked = Participant.objects.select_for_update(no_key=True).get(pk=participant.pk)
        if Erasure.objects.filter(participant=locked).exists():
            raise ActionError("already_erasing", _("%(name)s is being erased already.") % {"name": locked.name})
        _check_reason(reason)
        if not locked.blocked:
            block_participant(locked, reason=reason, by=by)
        people = find_people(locked)
        erasure = Erasure.objects.create(participant=locked, requested_by=by.label[:200], reason=reason, people=people)
        action, after = "access.participant.erasure_requested", {"reason": reason}
        audit.record(by=by, action=action, obj=erasure, participant=locked, after=after)
    return erasure


def update_preferences(user: User, *, values: Mapping[str, str], by: Actor) -> None:
    """Keep a user's language or theme. `values` holds only what is chosen anew."""
    before = {name: getattr(user, name) for name in values}
    changed_before, changed_after = audit.changes(before, values)
    if not changed_after:
        return
    for name, value in changed_after.items():
        setattr(user, name, value)
    with transaction.atomic():
        user.save(update_fields=list(changed_after))
        audit.record(
            by=by, action="access.user.preferences_updated", obj=user, before=changed_before, after=changed_after
        )


def _check_reason(reason: str) -> None:
    if not reason:
        raise ActionError("reason_missing", _("Give the reason: it is kept and shown to operations."))
    if len(reason) > _REASON_LENGTH:
        raise ActionError("reason_too_long", _("A reason has at most %(n)s characters.") % {"n": _REASON_LENGTH})


def _save_block(participant: Participant, action: str, *, before: Mapping[str, object], by: Actor) -> None:
    participant.save(update_fields=["blocked_at", "blocked_reason"])
    after: dict[str, object] = {"blocked": participant.blocked}
    if participant.blocked:
        after["reason"] = participant.blocked_reason
    audit.record(by=by, action=action, obj=participant, participant=participant, before=before, after=after)
    participant_changed.send(sender=Participant, participant=participant, blocked=participant.blocked)
