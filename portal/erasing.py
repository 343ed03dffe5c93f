"""Erasing a participant: all that it configured, what was sent to it, and its people (docs/adr/0015).

The order is given by `access.actions.request_erasure`, which blocks the participant. The steps stand one on the other
and each looks at what is there now: run twice, or cut off at any line, the next run goes on. Each chunk is a
transaction of its own, under the lock of the order: of two runs at once one waits. When all is done, late writers are
looked for once more for a day.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import catalog.erasing
import connections.erasing
import dispatch.erasing
import notices.erasing
import webhooks.erasing
from access import audit, audit_chain, erasing, redaction
from access.actors import Actor
from access.former_names import names_of
from access.models import AuditEntry, Erasure, Membership, Participant
from catalog.models import Product, ProductGrant
from connections.models import Connection, KeyPair
from dispatch.backlog import COUNTED_AT_MOST, count_text
from notices.models import Notice
from webhooks.models import WebhookTest

log = structlog.get_logger(__name__)

# Statements and requests that began before the block have come to an end by then: a publication being written down, a
# press of Testar with its token. Removed before, a row that they point to would undo the publication of everybody.
QUIET = timedelta(seconds=60)
# A run of the job: the others wait while it works.
RUN_SECONDS = 20.0
SWEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Step:
    """One kind of row. `erase` removes a chunk and returns how many, 0 when nothing is left that it may take; `count`
    returns how many there are: what follows waits until there is none."""

    name: str
    words: Any
    erase: Callable[[Participant], int]
    count: Callable[[Participant], int]


def _redact(participant: Participant) -> int:
    # Those that were not linked yet: emptied first, they could never prove what they were.
    audit_chain.link_entries()
    return redaction.redact_chunk(_entries(participant), Erasure.objects.get(participant=participant))


def _entries(participant: Participant) -> Any:
    return redaction.entries_about(participant, erasing.people_of(participant), also=_naming(participant))


def _naming(participant: Participant) -> list[int]:
    """The entries on products that name it in their audience. Read here: JSON is not searched alike everywhere."""
    product = AuditEntry.objects.filter(object_type=Product._meta.label_lower, redaction__isnull=True)
    rows, names = product.values_list("pk", "before", "after"), names_of(participant)
    return [
        pk
        for pk, before, after in rows.iterator()
        if any(names.intersection(values.get("participants") or ()) for values in (before, after))
    ]


STEPS = (
    Step(
        "notifications",
        _("notifications with their attempts"),
        dispatch.erasing.erase_deliveries,
        lambda participant: dispatch.erasing.deliveries_of(participant)[:COUNTED_AT_MOST].count(),
    ),
    Step(
        "events",
        _("events of its own"),
        dispatch.erasing.erase_events,
        lambda participant: dispatch.erasing.events_of(participant)[:COUNTED_AT_MOST].count(),
    ),
    Step("counters", _("batches, counts and states"), dispatch.erasing.erase_counters, lambda participant: 0),
    Step(
        "tests",
        _("tests of webhooks"),
        webhooks.erasing.erase_tests,
        lambda participant: WebhookTest.objects.filter(participant=participant).count(),
    ),
    Step(
        "webhooks",
        _("webhooks with their versions, headers and secrets"),
        webhooks.erasing.erase_webhooks,
        lambda participant: webhooks.erasing.webhooks_of(participant).count(),
    ),
    Step(
        "connections",
        _("connections, certificates, tokens and runs"),
        connections.erasing.erase_connections,
        lambda participant: (
            Connection.objects.filter(participant=participant).count()
            + KeyPair.objects.filter(participant=participant).count()
        ),
    ),
    Step(
        "notices",
        _("notices by mail"),
        notices.erasing.erase_notices,
        lambda participant: Notice.objects.filter(participant=participant).count(),
    ),
    Step(
        "grants",
        _("products granted to it"),
        catalog.erasing.erase_grants,
        lambda participant: ProductGrant.objects.filter(participant=participant).count(),
    ),
    # While the trail still has the names of before: it is found by them.
    Step(
        "log",
        _("entries of the admin's own log"),
        lambda participant: erasing.log_of(participant).delete()[0],
        lambda participant: erasing.log_of(participant).count(),
    ),
    # While the people still have their names: some entries are found by them.
    Step("audit", _("audit entries emptied of names"), _redact, lambda participant: _entries(participant).count()),
    Step(
        "people",
        _("people who belong to no other participant"),
        erasing.erase_people,
        lambda participant: erasing.people_left(participant).count(),
    ),
    Step(
        "memberships",
        _("memberships"),
        erasing.erase_memberships,
        lambda participant: Membership.objects.filter(participant=participant).count(),
    ),
    Step("name", _("name and CNPJ"), erasing.erase_name, erasing.count_names),
)


def plan_erasure(participant: Participant) -> list[tuple[Any, str]]:
    """Return what an erasure would remove or empty now: the words and the number of each kind, counted no further than
    COUNTED_AT_MOST where it may be millions."""
    return [(step.words, count_text(step.count(participant))) for step in STEPS if step.name != "counters"]


def erase_all() -> int:
    """Carry on every erasure for RUN_SECONDS at most; return how many rows went. What the job does. One that breaks
    doesn't keep the others from their turn; the job fails after them, so that somebody hears of it."""
    ends_at, removed, broken = time.monotonic() + RUN_SECONDS, 0, None
    late = timezone.now() - SWEPT_FOR
    for erasure in Erasure.objects.exclude(finished_at__lte=late).order_by("requested_at"):
        try:
            removed += _carry_on_counted(erasure, ends_at)
        except Exception as error:
            log.exception("erasing.failed", erasure=str(erasure.uuid))
            broken = error
        if time.monotonic() >= ends_at:
            break
    if broken:
        raise broken
    return removed


def _carry_on_counted(erasure: Erasure, ends_at: float) -> int:
    before = sum(erasure.removed.values())
    carry_on(erasure, ends_at=ends_at)
    return sum(Erasure.objects.get(pk=erasure.pk).removed.values()) - before


def carry_on(erasure: Erasure, *, ends_at: float, tell: Callable[[str], None] = lambda words: None) -> bool:
    """Go on with an erasure until `ends_at` (monotonic seconds); return whether it is finished."""
    if seconds_to_wait(erasure, timezone.now()):
        return False
    _leave_nothing_in_the_file()
    for step in STEPS:
        while removed := _chunk(erasure, step):
            tell(f"{step.name}: {removed}")
            if time.monotonic() >= ends_at:
                return False
        if step.count(erasure.participant):
            # In flight, or written just now. What follows stands on it.
            return False
    _finish(erasure)
    return True


def seconds_to_wait(erasure: Erasure, now: datetime) -> float:
    """Return for how long what was under way at the block may still be; 0 when it is over."""
    return max(0.0, (erasure.requested_at + QUIET - now).total_seconds())


def _chunk(erasure: Erasure, step: Step) -> int:
    with transaction.atomic():
        locked = Erasure.objects.select_for_update(of=("self",), no_key=True).get(pk=erasure.pk)
        removed = step.erase(locked.participant)
        if removed:
            locked.removed = locked.removed | {step.name: locked.removed.get(step.name, 0) + removed}
            locked.save(update_fields=["removed"])
    return removed


def _finish(erasure: Erasure) -> None:
    with transaction.atomic():
        locked = Erasure.objects.select_for_update(of=("self",), no_key=True).get(pk=erasure.pk)
        if locked.finished_at is None:
            locked.finished_at = timezone.now()
            locked.save(update_fields=["finished_at"])
            audit.record(
                by=Actor.system("erasure"),
                action="access.participant.erased",
                obj=locked,
                participant=locked.participant,
                after=locked.removed,
            )
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        # What was overwritten still stands in the log that is written ahead.
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _leave_nothing_in_the_file() -> None:
    """Have SQLite overwrite what it removes; it would leave it in the free pages of its file. On PostgreSQL the next
    vacuum frees the space."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
