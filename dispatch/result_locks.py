"""What a record of results locks, in the order in which everybody does: deliveries, product statuses, lanes.

On PostgreSQL one statement. A lane is locked only when there is something to write on it: claims pass over a locked
lane, and most results say what the lane says already.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from dispatch import clock
from dispatch.models import Delivery, Lane

# How old the noted success of a webhook may grow before it is noted anew.
NOTED_FOR = timedelta(seconds=1)

# Each part asks for the one before it, so that they are locked one after the other.
LOCK = """
WITH moment(at) AS MATERIALIZED (SELECT {now}),
d AS MATERIALIZED (
    SELECT id, lease_token FROM dispatch_delivery WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
),
s AS MATERIALIZED (
    SELECT id FROM dispatch_productstatus WHERE delivery_id = ANY(%s) AND (SELECT COUNT(*) FROM d) >= 0
    ORDER BY webhook_id, product_id FOR NO KEY UPDATE
),
l AS MATERIALIZED (
    SELECT webhook_id, open_at, failures_in_row, failing_since, last_success_at, trouble_told_at
    FROM dispatch_lane
    WHERE webhook_id = ANY(%s) AND (SELECT COUNT(*) FROM s) >= 0
      AND (webhook_id = ANY(%s) OR failures_in_row > 0 OR trouble_told_at IS NOT NULL OR last_success_at IS NULL
           OR last_success_at < (SELECT at FROM moment) - %s)
    ORDER BY webhook_id FOR NO KEY UPDATE
)
SELECT 'delivery', id, lease_token, NULL, NULL, NULL, NULL, NULL FROM d
UNION ALL
SELECT 'lane', webhook_id, NULL, open_at, failures_in_row, failing_since, last_success_at, trouble_told_at FROM l
UNION ALL
SELECT 'moment', NULL, NULL, at, NULL, NULL, NULL, NULL FROM moment
"""


@dataclass(slots=True)
class LaneNotes:
    """What a lane says about its webhook's past, as this record found it and then changes it."""

    webhook_id: int
    open_at: datetime | None
    failures_in_row: int
    failing_since: datetime | None
    last_success_at: datetime | None
    trouble_told_at: datetime | None


@dataclass(slots=True)
class Locked:
    """The moment of the record, the lease tokens of its deliveries by id, and the lanes that need a note."""

    now: datetime
    leases: dict[int, UUID | None] = field(default_factory=dict)
    lanes: dict[int, LaneNotes] = field(default_factory=dict)


def lock_results(delivery_ids: Sequence[int], webhook_ids: Collection[int], *, failed: Collection[int]) -> Locked:
    """Lock what results of these deliveries to these webhooks change. `failed`: those to whom one was no success."""
    lock = _lock_at_once if connection.vendor == "postgresql" else _read
    return lock(delivery_ids, webhook_ids, failed)


def _lock_at_once(delivery_ids: Sequence[int], webhook_ids: Collection[int], failed: Collection[int]) -> Locked:
    moment, params = clock.sql_now()
    with connection.cursor() as cursor:
        ids = list(delivery_ids)
        lists = [ids, ids, list(webhook_ids), list(failed)]
        values: list[Any] = [*params, *lists, NOTED_FOR]
        cursor.execute(LOCK.format(now=moment), values)
        rows = cursor.fetchall()
    locked = Locked(now=rows[-1][3])
    for kind, pk, lease, *notes in rows[:-1]:
        if kind == "delivery":
            locked.leases[pk] = lease
        else:
            locked.lanes[pk] = LaneNotes(pk, *notes)
    return locked


def _read(delivery_ids: Sequence[int], webhook_ids: Collection[int], failed: Collection[int]) -> Locked:
    """SQLite: the transaction is the lock."""
    now = clock.now()
    news = Q(last_success_at__isnull=True) | Q(last_success_at__lt=now - NOTED_FOR) | Q(webhook__in=list(failed))
    troubled = Q(failures_in_row__gt=0) | Q(trouble_told_at__isnull=False)
    columns = ("pk", "open_at", "failures_in_row", "failing_since", "last_success_at", "trouble_told_at")
    lanes = Lane.objects.filter(news | troubled, webhook__in=list(webhook_ids)).values_list(*columns)
    return Locked(
        now,
        dict(Delivery.objects.filter(pk__in=delivery_ids).values_list("pk", "lease_token")),
        {row[0]: LaneNotes(*row) for row in lanes},
    )
