"""Trouble at the operator's own: told once when it is sure, and once when it is over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse

from notices.actions import Draft, post_notice
from notices.models import Incident

# An incident's end is told by the kind of the same name with this behind it.
OVER = "_over"
# Who looks each half minute and has not looked for so long was away: what it saw before says nothing about now.
OUT_OF_SIGHT = timedelta(minutes=3)
# Two jobs that look at the same moment are one look.
SECOND_LOOK = timedelta(seconds=20)


def note_trouble(kind: str, *, now: datetime, values: Mapping[str, Any] | None = None) -> bool:
    """Note that a look found trouble; return whether this call told the operators.

    They are told when a second look, SECOND_LOOK later or more, agrees with the first, and not again before it is over.
    """
    with transaction.atomic():
        incident = _find_open(kind)
        if incident is None:
            fresh = Incident(kind=kind, suspected_at=now, seen_at=now)
            # Two looks at once: the database lets one suspicion stand.
            Incident.objects.bulk_create([fresh], ignore_conflicts=True)
            return False
        told, seen_at, incident.seen_at = incident.told_at is not None, incident.seen_at, now
        if not told and now - seen_at > OUT_OF_SIGHT:
            incident.suspected_at = now
        elif not told and now - incident.suspected_at >= SECOND_LOOK:
            incident.told_at = now
            post_notice(_draft(kind, incident, values or {}))
        incident.save(update_fields=["suspected_at", "seen_at", "told_at"])
        return not told and incident.told_at is not None


def note_calm(kind: str, *, now: datetime) -> bool:
    """Note that a look found all well; return whether this call told the operators that it is over."""
    if not Incident.objects.open().filter(kind=kind).exists():
        return False
    with transaction.atomic():
        incident = _find_open(kind)
        if incident is None:
            return False
        if incident.told_at is None:
            incident.delete()
            return False
        incident.over_at = now
        incident.save(update_fields=["over_at"])
        post_notice(_draft(kind + OVER, incident, {"since": incident.suspected_at.isoformat()}))
    return True


def _find_open(kind: str) -> Incident | None:
    return Incident.objects.open().filter(kind=kind).select_for_update().first()


def _draft(kind: str, incident: Incident, values: Mapping[str, Any]) -> Draft:
    page = reverse("admin:notices_incident_changelist")
    return Draft(kind=kind, dedupe_key=f"{kind}:{incident.uuid}", path=page, values=values)
