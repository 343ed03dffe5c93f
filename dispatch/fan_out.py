"""One event becomes one delivery per webhook that is to hear of it, by INSERT ... SELECT: no loop in Python, and the
same cost in memory for one webhook or a hundred thousand (GSAN-13). On PostgreSQL lanes and statuses come with them in
the same statement.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, OuterRef, QuerySet

from catalog.models import Audience, Product, ProductGrant
from dispatch.models import Delivery, Event, Mode, SendBatch
from webhooks.models import Webhook

COLUMNS = (
    "uuid, event_id, webhook_id, subject, cause, batch_id, state, reason, due_at, created_by, created_at, urgent, "
    "attempts_made, counted_attempts, unknown_in_row, body_format, content_type, last_diagnosis"
)
FIRST_VALUES = "%s, %s, false, 0, 0, 0, '', '', ''"

# One for each chosen webhook. Those of a webhook that the system stopped are held.
AUTOMATIC = f"""
INSERT INTO dispatch_delivery ({COLUMNS})
WITH chosen(webhook_id, stopped_at) AS ({{chosen}})
SELECT {{uuid}}, %s, chosen.webhook_id, %s, 'automatic', NULL,
       CASE WHEN chosen.stopped_at IS NULL THEN 'waiting' ELSE 'held' END,
       CASE WHEN chosen.stopped_at IS NULL THEN '' ELSE 'webhook_stopped' END,
       CASE WHEN chosen.stopped_at IS NULL THEN %s END, {FIRST_VALUES}
FROM chosen ORDER BY chosen.webhook_id
"""  # noqa: S608 (names of columns only)

# One for each chosen event. The database lets one wait for each subject.
BY_HAND = f"""
INSERT INTO dispatch_delivery ({COLUMNS})
WITH chosen(event_id, subject, name) AS ({{chosen}})
SELECT {{uuid}}, chosen.event_id, %s, chosen.subject, %s, %s, 'waiting', '', %s, {FIRST_VALUES}
FROM chosen WHERE true ORDER BY chosen.name, chosen.event_id
ON CONFLICT DO NOTHING
"""  # noqa: S608 (names of columns only)

# In one order whoever writes: two publications at once would otherwise wait for each other's rows.
LANES = """
INSERT INTO dispatch_lane (webhook_id, failures_in_row)
SELECT d.webhook_id, 0 FROM {deliveries} d
WHERE {which} AND NOT EXISTS (SELECT 1 FROM dispatch_lane l WHERE l.webhook_id = d.webhook_id)
ORDER BY d.webhook_id
ON CONFLICT DO NOTHING
"""

# The status of a product on every webhook becomes the state of its new delivery (ONS-15). Two publications of a product
# at once: whichever comes last, the newer delivery stays.
STATUSES = """
INSERT INTO dispatch_productstatus (webhook_id, product_id, delivery_id, state, failed_attempts, changed_at)
SELECT d.webhook_id, publication.product_id, d.id, d.state, 0, %s
FROM {deliveries} d
JOIN dispatch_event event ON event.id = d.event_id
JOIN catalog_publication publication ON publication.id = event.publication_id
WHERE {which}
ORDER BY d.webhook_id, publication.product_id
ON CONFLICT (webhook_id, product_id) DO UPDATE
SET delivery_id = excluded.delivery_id, state = excluded.state, failed_attempts = 0, changed_at = excluded.changed_at
WHERE excluded.delivery_id > dispatch_productstatus.delivery_id
"""

WRITTEN = {"deliveries": "dispatch_delivery"}
OF_EVENT = WRITTEN | {"which": "d.event_id = %s AND d.cause = 'automatic'"}
OF_BATCH = WRITTEN | {"which": "d.batch_id = %s AND d.id > %s"}
JUST_MADE = {"deliveries": "made", "which": "true"}
UUIDS = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}


def webhooks_told_of(product: Product) -> QuerySet[Webhook]:
    """Return the webhooks that a publication of `product` is written down for, those stopped by the system included."""
    webhooks = Webhook.objects.receiving(product)
    if product.audience == Audience.ALL:
        return webhooks
    return webhooks.filter(Exists(ProductGrant.objects.filter(product=product, participant=OuterRef("participant"))))


def fan_out(event: Event, webhooks: QuerySet[Webhook], *, now: datetime, by: str) -> int:
    """Write one automatic delivery of `event` per webhook; return how many. Belongs in the event's transaction.

    The webhooks that the system stopped get theirs as held. Lanes are made for webhooks that have none.
    """
    chosen, params = webhooks.order_by().values_list("pk", "stopped_at").query.sql_with_params()
    moment = _adapt(now)
    insert = AUTOMATIC.format(uuid=UUIDS[connection.vendor], chosen=chosen)
    values = [*params, event.pk, event.subject, moment, by, moment]
    told = event.publication_id is not None and event.mode == Mode.LIVE
    if connection.vendor == "postgresql":
        return _write_at_once(insert, values, moment if told else None)
    made = _execute(insert, values)
    # From what was written, not from `webhooks` once more: a webhook that has just subscribed would be in one of the
    # two statements only, and a delivery without a lane is never claimed.
    _execute(LANES.format(**OF_EVENT), [event.pk])
    if told:
        point_statuses_to(event, now=now)
    return made


def _write_at_once(insert: str, values: list[Any], status_at: Any) -> int:
    """Deliveries, lanes and, unless `status_at` is None, statuses in one statement."""
    parts = [
        f"made AS ({insert} RETURNING id, event_id, webhook_id, state)",
        f"lanes AS ({LANES.format(**JUST_MADE)})",
    ]
    if status_at is not None:
        parts.append(f"statuses AS ({STATUSES.format(**JUST_MADE)})")
        values = [*values, status_at]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(parts)} SELECT count(*) FROM made", values)  # noqa: S608 (as above)
        (made,) = cursor.fetchone()
    return int(made)


def point_statuses_to(event: Event, *, now: datetime) -> None:
    """Make the status of the event's product on every webhook told of it the state of that new delivery (ONS-15)."""
    _execute(STATUSES.format(**OF_EVENT), [_adapt(now), event.pk])


def write_by_hand(batch: SendBatch, event_ids: Collection[int], *, now: datetime) -> list[int]:
    """Write a delivery of each event to the batch's webhook, and return the ids of those that were written.

    One whose subject has a sending by hand waiting already is left out: the database lets one wait. The events are of
    different subjects, and live. Belongs in a transaction that has superseded what waited for them.
    """
    if not event_ids:
        return []
    before = Delivery.objects.filter(batch=batch).aggregate(newest=Max("pk"))["newest"] or 0
    events = Event.objects.filter(pk__in=event_ids).order_by()
    chosen, params = events.values_list("pk", "subject", "publication__product__name").query.sql_with_params()
    moment = _adapt(now)
    values = [*params, batch.webhook_id, batch.kind, batch.pk, moment, batch.by_label, moment]
    _execute(BY_HAND.format(uuid=UUIDS[connection.vendor], chosen=chosen), values)
    written = Delivery.objects.filter(batch=batch, pk__gt=before)
    _execute(STATUSES.format(**OF_BATCH), [moment, batch.pk, before])
    return list(written.values_list("pk", flat=True))


def _execute(sql: str, params: list[Any]) -> int:
    """Run it and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return max(cursor.rowcount, 0)


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
