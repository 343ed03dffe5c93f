"""The chain over the audit trail: each link's code covers its entry and the link before.

Triggers stop whoever comes through the database's doors; the chain shows what somebody did who could take them away. A
tail that was cut off shows only against a link kept elsewhere (`verify_audit --head`).
"""

import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Min
from django.utils import timezone

from access.models import AuditEntry, AuditLink, AuditRedaction
from vault import keys
from vault.errors import UnknownKey

BATCH = 500
PURPOSE = "audit"
# The link before the first one.
GENESIS = "0" * 64
# Any number that no other job takes: "audit" in ASCII.
_LOCK = 0x6175646974
# Every column of an entry. A column added later needs a new form of the message, named in the link.
COVERED = (
    "id",
    "uuid",
    "recorded_at",
    "actor_source",
    "actor_user_id",
    "actor_label",
    "participant_id",
    "action",
    "object_type",
    "object_id",
    "object_label",
    "before",
    "after",
    "request_id",
    "address",
)

KeyFinder = Callable[[str], bytes]


@dataclass(frozen=True)
class Verdict:
    """What a check of the whole chain found. `problem` names the first bad or missing row; empty when all is well."""

    verified: int
    head: AuditLink | None
    unlinked: int
    oldest_unlinked_at: datetime | None
    problem: str = ""
    redacted: int = 0


def link_entries() -> int:
    """Append a link for every entry without one, in small transactions; return how many.

    Safe to run twice and at the same time: on PostgreSQL the second one finds the lock taken and leaves, on SQLite it
    waits and finds nothing. Cut off midway, it loses at most the batch under way, which the next run links.
    """
    total = 0
    while linked := _link_batch():
        total += linked
    return total


def verify_chain() -> Verdict:
    """Recompute the chain from its first link. Reads everything, changes nothing."""
    previous, verified, redacted, problem = None, 0, 0, ""
    find_key = cache(_derive)
    for link, entry in _walk():
        problem = _find_problem(link, entry, previous, find_key)
        if problem:
            break
        previous, verified, redacted = link, verified + 1, redacted + _is_redacted(entry)
    waiting = AuditEntry.objects.filter(link__isnull=True).aggregate(count=Count("pk"), oldest=Min("recorded_at"))
    head = AuditLink.objects.order_by("position").last()
    return Verdict(verified, head, waiting["count"], waiting["oldest"], problem, redacted)


def find_kept_problem(position: int, mac: str) -> str:
    """Say what is wrong with the link that somebody kept elsewhere; empty when it still stands as it was."""
    link = AuditLink.objects.filter(position=position).first()
    if link is None:
        return f"position {position} is missing: the chain was cut off"
    if not hmac.compare_digest(link.mac, mac):
        return f"position {position} is not the link that was kept"
    return ""


def _link_batch() -> int:
    with transaction.atomic():
        if not _lock():
            return 0
        entries = list(AuditEntry.objects.unlinked()[:BATCH])
        last = AuditLink.objects.order_by("position").last()
        key_id, now = keys.current_key_id(), timezone.now()
        key, links = keys.derive(PURPOSE, key_id=key_id), list[AuditLink]()
        for entry in entries:
            position = last.position + 1 if last else 1
            link = AuditLink(entry=entry, position=position, key_id=key_id, linked_at=now)
            link.mac = _compute_mac(key, link, entry, last)
            links.append(link)
            last = link
        AuditLink.objects.bulk_create(links)
    return len(links)


def _lock() -> bool:
    """Take the job's lock until the transaction ends. On SQLite the transaction itself is it (IMMEDIATE)."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _walk() -> Iterator[tuple[AuditLink, AuditEntry | None]]:
    """Yield every link by position, with its entry, or None where the entry is gone."""
    after = -1
    while links := list(AuditLink.objects.filter(position__gt=after).order_by("position")[:BATCH]):
        entries = AuditEntry.objects.select_related("redaction").in_bulk([link.entry_id for link in links])
        for link in links:
            yield link, entries.get(link.entry_id)
        after = links[-1].position


def _find_problem(link: AuditLink, entry: AuditEntry | None, previous: AuditLink | None, find_key: KeyFinder) -> str:
    expected = previous.position + 1 if previous else 1
    if link.position != expected:
        return f"position {expected} is missing: the next link stands at position {link.position}"
    if entry is None:
        return f"entry {link.entry_id} is missing: position {link.position} links to it"
    try:
        key = find_key(link.key_id)
    except UnknownKey:
        return f"position {link.position} is sealed with key {link.key_id!r}, which is not in PORTAL_DATA_KEYS"
    if _is_redacted(entry):
        return _find_redaction_problem(entry, link, find_key)
    if not hmac.compare_digest(link.mac, _compute_mac(key, link, entry, previous)):
        return f"entry {entry.pk} ({entry.uuid}) at position {link.position} is not what was linked"
    return ""


def _is_redacted(entry: AuditEntry | None) -> bool:
    return hasattr(entry, "redaction")


def _find_redaction_problem(entry: AuditEntry, link: AuditLink, find_key: KeyFinder) -> str:
    """An emptied entry can't prove its own link, which was made of what is gone; its redaction says what is left of it
    and names that link. The links after it prove the link's code."""
    redaction = entry.redaction
    try:
        key = find_key(redaction.key_id)
    except UnknownKey:
        words = f"key {redaction.key_id!r}, which is not in PORTAL_DATA_KEYS"
        return f"the redaction of entry {entry.pk} is sealed with {words}"
    if not hmac.compare_digest(redaction.mac, compute_redaction_mac(key, redaction, entry, link)):
        return f"entry {entry.pk} ({entry.uuid}) at position {link.position} is not what was left of it"
    return ""


def compute_redaction_mac(key: bytes, redaction: AuditRedaction, entry: AuditEntry, link: AuditLink) -> str:
    """Return the code of a redaction: over what is left of the entry, its link, and the erasure it was made for."""
    own = ["redaction", redaction.key_id, _plain(redaction.redacted_at), redaction.erasure_id]
    own += [link.position, link.mac, link.key_id, _plain(link.linked_at)]
    return _seal(key, [*own, [_plain(getattr(entry, column)) for column in COVERED]])


def _compute_mac(key: bytes, link: AuditLink, entry: AuditEntry, previous: AuditLink | None) -> str:
    own = [previous.mac if previous else GENESIS, link.position, link.key_id, _plain(link.linked_at)]
    return _seal(key, [*own, [_plain(getattr(entry, column)) for column in COVERED]])


def _seal(key: bytes, message: list[Any]) -> str:
    # Keys sorted: PostgreSQL keeps JSON without their order.
    text = json.dumps(message, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode("ascii"), "sha256").hex()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, int | dict | None) else str(value)


def _derive(key_id: str) -> bytes:
    return keys.derive(PURPOSE, key_id=key_id)
