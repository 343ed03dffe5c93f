"""Everything that is kept of one person, for whoever asks what that is (LGPD, art. 18; docs/operations.md)."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models import Q

from access.models import AuditEntry, User
from access.relations import relations_to_users

# What is a secret, or a key to something: that it is there is told by its row, what it is by nobody.
_NEVER = {"password", "data", "key", "key_digest", "auth_digest", "id", "user"}
_ENTRY = ("recorded_at", "action", "object_type", "object_label", "before", "after")


def collect_person_data(user: User) -> dict[str, Any]:
    """Return the person's row, what belongs to it (memberships, sessions, second factors, ...) and what the audit trail
    says they did or was done to them. Values as they are stored, but no password, key or digest."""
    return {
        "person": _values(user),
        "belongs_to_it": {name: list(rows) for name, rows in _own_rows(user)},
        "audit_trail": [_told(entry, user) for entry in _entries_of(user).iterator(chunk_size=500)],
    }


def _told(entry: AuditEntry, user: User) -> dict[str, Any]:
    """An entry without what it tells of somebody else: of who did something to this person, only in which part."""
    told = {name: getattr(entry, name) for name in _ENTRY}
    own = entry.actor_user_id == user.pk
    return told | {"by": "the person" if own else entry.actor_source, "address": entry.address if own else ""}


def _entries_of(user: User) -> models.QuerySet[AuditEntry]:
    about = Q(object_type=User._meta.label_lower, object_id=str(user.uuid))
    return AuditEntry.objects.filter(Q(actor_user=user) | about).order_by("pk")


def _own_rows(user: User) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    for relation in relations_to_users():
        if relation.hidden or relation.related_model is AuditEntry:
            continue
        rows = relation.related_model._default_manager.filter(**{relation.field.name: user.pk})  # noqa: SLF001
        yield str(relation.related_model._meta.verbose_name), (_values(row) for row in rows.order_by("pk"))


def _values(row: models.Model) -> dict[str, Any]:
    names = [field.name for field in row._meta.concrete_fields if field.name not in _NEVER]
    return {name: _readable(getattr(row, name)) for name in names}


def _readable(value: Any) -> Any:
    return str(value) if isinstance(value, models.Model) else value
