"""What a participant and its people are called, and were before, as far as the audit trail still says so.

A name of before that somebody else bears now is left out: nothing says whom of the two a text means.
"""

from collections.abc import Collection, Iterable
from typing import Any

from access.models import AuditEntry, Participant, User

# The entries that tell of a change of names. They are emptied last: without them the others are not found any more.
TOLD_BY = [Participant._meta.label_lower, User._meta.label_lower]


def names_of(participant: Participant) -> set[str]:
    """Return the names of a participant. Two queries."""
    former = _read(Participant, [participant], "name")
    others = Participant.objects.exclude(pk=participant.pk).filter(name__in=former)
    return former.difference(others.values_list("name", flat=True)) | {participant.name}


def addresses_of(people: Collection[User]) -> set[str]:
    """Return the addresses of people. Two queries."""
    former = _read(User, people, "email")
    others = User.objects.exclude(pk__in=[person.pk for person in people]).filter(email__in=former)
    return former.difference(others.values_list("email", flat=True)) | {person.email for person in people}


def _read(model: type[Participant | User], rows: Iterable[Participant | User], key: str) -> set[str]:
    uuids = [str(row.uuid) for row in rows]
    told = AuditEntry.objects.filter(object_type=model._meta.label_lower, object_id__in=uuids, redaction__isnull=True)
    pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]] = told.values_list("before", "after")
    found = {values.get(key) for pair in pairs for values in pair}
    return {text for text in found if isinstance(text, str) and text}
