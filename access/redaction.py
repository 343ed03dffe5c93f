"""Emptying audit entries of what tells of a person, for an erasure (docs/adr/0015).

An entry keeps when, what kind of act on what kind of object, by which row of a user and for which participant; these
rows have no name any more. What it loses: names, values before and after, addresses. The database lets nothing else of
an entry be changed, and the chain stays whole: each emptied entry has a redaction whose code covers what is left.
"""

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction
from django.db.models import Case, Q, QuerySet, When
from django.utils import timezone

from access.audit_chain import PURPOSE, compute_redaction_mac
from access.former_names import TOLD_BY, addresses_of
from access.models import ActorSource, AuditEntry, AuditLink, AuditRedaction, Erasure, Participant, User
from access.relations import relations_to_users
from vault import keys

CHUNK = 500
# What they are named by when somebody acts for the operator: a member of staff, a job.
_OPERATOR = (ActorSource.STAFF, ActorSource.SYSTEM)


def entries_about(
    participant: Participant, people: Iterable[User], *, also: Collection[int] = ()
) -> QuerySet[AuditEntry]:
    """Return what the trail says of a participant and of these people, as far as it is not emptied yet, and the entries
    `also`. Those on erasures themselves are left: they name nobody but the operator."""
    known = list(people)
    uuids = [str(person.uuid) for person in known]
    theirs = Q(participant=participant) | Q(pk__in=list(also)) | _on_their_own(known)
    theirs |= Q(object_type__in=TOLD_BY, object_id__in=[*uuids, str(participant.uuid)])
    for address in addresses_of(known):
        # What is a person's own is called after them: a session that staff have ended.
        theirs |= Q(object_type__in=_own_types()) & _labelled(address)
    found = AuditEntry.objects.filter(theirs, redaction__isnull=True)
    last = Case(When(object_type__in=TOLD_BY, then=1), default=0)
    return found.exclude(object_type=Erasure._meta.label_lower).order_by(last, "pk")


def redact_chunk(entries: QuerySet[AuditEntry], erasure: Erasure) -> int:
    """Empty the first of these entries that have their link; return how many. One transaction.

    Of two at once the second is refused by the database: an entry is emptied once.
    """
    with transaction.atomic():
        chosen = list(entries.filter(link__isnull=False).select_related("link")[:CHUNK])
        key_id, now = keys.current_key_id(), timezone.now()
        rows = [AuditRedaction(entry=entry, erasure=erasure, redacted_at=now, key_id=key_id) for entry in chosen]
        for row in rows:
            _empty(row.entry)
            link: AuditLink = row.entry.link
            row.mac = compute_redaction_mac(keys.derive(PURPOSE, key_id=key_id), row, row.entry, link)
        # First: without them the database refuses the change of the entries.
        AuditRedaction.objects.bulk_create(rows)
        _write(chosen)
    return len(chosen)


def _on_their_own(people: Iterable[User]) -> Q:
    """What they did for nobody but themselves. What they did for another participant, or as staff, is its trail."""
    own = Q(actor_source=ActorSource.USER, participant__isnull=True)
    return own & Q(actor_user__in=[person.pk for person in people])


def _labelled(address: str) -> Q:
    """What a label calls after the person of this address, whole: Ana (ana@example.com) is not Lia (liana@...)."""
    nameless = Q(object_label=address) | Q(object_label__startswith=f"{address} ")
    return nameless | Q(object_label__contains=f"({address})")


def _own_types() -> list[str]:
    """The names of the models whose rows belong to a user, as the trail has them."""
    return sorted({relation.related_model._meta.label_lower for relation in relations_to_users()})


def _empty(entry: AuditEntry) -> None:
    entry.object_label, entry.before, entry.after = "", {}, {}
    if entry.actor_source not in _OPERATOR:
        entry.actor_label, entry.address = "", ""


def _write(entries: Sequence[AuditEntry]) -> None:
    rows = AuditEntry.objects.filter(pk__in=[entry.pk for entry in entries])
    rows.update(object_label="", before={}, after={})
    rows.exclude(actor_source__in=_OPERATOR).update(actor_label="", address="")
