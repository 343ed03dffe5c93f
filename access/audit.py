"""Writing the audit trail: one plain insert in the transaction of the change."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, models
from django.db.transaction import TransactionManagementError
from django.utils.functional import Promise

from access import request_context
from access.actors import Actor
from access.models import AuditEntry, Participant

_LABEL_LENGTH = 200


def record(
    *,
    by: Actor,
    action: str,
    obj: models.Model,
    participant: Participant | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Insert one audit row. Call it inside the transaction of the change.

    `action` is `app.object.verb_in_the_past`. `before` and `after` hold plain values of non-secret fields; a value of
    any other type, a sealed secret above all, raises TypeError. Outside a transaction: TransactionManagementError.
    """
    if by.seeing:
        # The last barrier: whatever let a change get so far, it is rolled back.
        raise PermissionDenied("who sees as a participant changes nothing")
    if not connection.in_atomic_block:
        raise TransactionManagementError("an audit entry belongs in the transaction of the change it records")
    return AuditEntry.objects.create(
        actor_source=by.source,
        actor_user=by.user,
        actor_label=_clean(by.label)[:_LABEL_LENGTH],
        participant=participant or by.participant,
        action=action,
        object_type=obj._meta.label_lower,
        object_id=str(getattr(obj, "uuid", obj.pk)),
        object_label=_clean(str(obj))[:_LABEL_LENGTH],
        before=_plain(before or {}),
        after=_plain(after or {}),
        request_id=request_context.request_id.get(),
        address=request_context.address.get(),
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both mappings reduced to the keys whose values differ."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {key: before[key] for key in keys if key in before}, {key: after[key] for key in keys if key in after}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=str)
    return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # jsonb takes neither NaN nor infinity.
        return value if isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str | Promise | UUID | Decimal | timedelta):
        return _clean(str(value))
    if isinstance(value, models.Model):
        return str(getattr(value, "uuid", value.pk))
    raise TypeError(f"{type(value).__name__} is not a plain value for the audit trail")


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL and no half of a surrogate pair, neither in text nor in jsonb: a name that holds one must
    # not undo the change itself.
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
