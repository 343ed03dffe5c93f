"""One event becomes one delivery per webhook that is to hear of it, by INSERT ... SELECT: no loop in Python, and the
same cost in memory for one webhook or a hundred thousand (GSAN-13)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.models import BinaryField, Case, Exists, F, Max, OuterRef, QuerySet, Value, When
from django.db.models.functions import Cast

from catalog.models import Audience, Product, ProductGrant
from dispatch.models import Cause, Delivery, Event, Mode, Reason, SendBatch, State
from webhooks.models import Webhook

OF_EVENT = "d.event_id = %s AND d.cause = 'automatic'"
OF_BATCH = "d.batch_id = %s AND d.id > %s"

# In one order whoever writes: two publications at once would otherwise wait for each other's rows.
LANES = """
INSERT INTO dispatch_lane (webhook_id, failures_in_row)
SELECT d.webhook_id, 0 FROM dispatch_delivery d
WHERE {which} AND NOT EXISTS (SELECT 1 FROM dispatch_lane l WHERE l.webhook_id = d.webhook_id)
ORDER BY d.webhook_id
ON CONFLICT DO NOTHING
"""

# The status of a product on every webhook becomes the state of its new delivery (ONS-15). Two publications of a product
# at once: whichever comes last, the newer delivery stays.
STATUSES = """
INSERT INTO dispatch_productstatus (webhook_id, product_id, delivery_id, state, failed_attempts, changed_at)
SELECT d.webhook_id, publication.product_id, d.id, d.state, 0, %s
FROM dispatch_delivery d
JOIN dispatch_event event ON event.id = d.event_id
JOIN catalog_publication publication ON publication.id = event.publication_id
WHERE {which}
ORDER BY d.webhook_id, publication.product_id
ON CONFLICT (webhook_id, product_id) DO UPDATE
SET delivery_id = excluded.delivery_id, state = excluded.state, failed_attempts = 0, changed_at = excluded.changed_at
WHERE excluded.delivery_id > dispatch_productstatus.delivery_id
"""


class RandomUUID(models.Func):
    """A fresh random UUID for each row, made by the database in the form in which Django stores one."""

    template = "gen_random_uuid()"
    output_field = models.UUIDField()

    def as_sqlite(self, compiler, connection, **extra):  # type: ignore[no-untyped-def]
        return "lower(hex(randomblob(16)))", []


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
    made = _insert(Delivery, webhooks, _delivery_columns(event, now, by))
    # From what was written, not from `webhooks` once more: a webhook that has just subscribed would be in one of the
    # two statements only, and a delivery without a lane is never claimed.
    _execute(LANES.format(which=OF_EVENT), [event.pk])
    if event.publication and event.mode == Mode.LIVE:
        point_statuses_to(event, now=now)
    return made


def point_statuses_to(event: Event, *, now: datetime) -> None:
    """Make the status of the event's product on every webhook told of it the state of that new delivery (ONS-15)."""
    _execute(STATUSES.format(which=OF_EVENT), [_adapt(now), event.pk])


def write_by_hand(batch: SendBatch, event_ids: Collection[int], *, now: datetime) -> list[int]:
    """Write a delivery of each event to the batch's webhook, and return the ids of those that were written.

    One whose subject has a sending by hand waiting already is left out: the database lets one wait. The events are of
    different subjects, and live. Belongs in a transaction that has superseded what waited for them.
    """
    if not event_ids:
        return []
    before = Delivery.objects.filter(batch=batch).aggregate(newest=Max("pk"))["newest"] or 0
    events = Event.objects.filter(pk__in=event_ids)
    _insert(Delivery, events, _by_hand_columns(batch, now), ignore_existing=True, order="publication__product__name")
    written = Delivery.objects.filter(batch=batch, pk__gt=before)
    _execute(STATUSES.format(which=OF_BATCH), [_adapt(now), batch.pk, before])
    return list(written.values_list("pk", flat=True))


def _execute(sql: str, params: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _delivery_columns(event: Event, now: datetime, by: str) -> dict:
    moment = Value(now, output_field=models.DateTimeField())
    stopped = When(stopped_at__isnull=False, then=Value(State.HELD.value))
    return _first_values(by) | {
        "event_id": Value(event.pk),
        "webhook_id": F("pk"),
        "cause": Value(Cause.AUTOMATIC.value),
        "subject": Value(event.subject),
        "state": Case(stopped, default=Value(State.WAITING.value)),
        "reason": Case(When(stopped_at__isnull=False, then=Value(Reason.WEBHOOK_STOPPED.value)), default=Value("")),
        "due_at": Case(
            When(stopped_at__isnull=True, then=moment), default=Value(None), output_field=models.DateTimeField()
        ),
        "created_at": moment,
    }


def _by_hand_columns(batch: SendBatch, now: datetime) -> dict:
    moment = Value(now, output_field=models.DateTimeField())
    return _first_values(batch.by_label) | {
        "event_id": F("pk"),
        "webhook_id": Value(batch.webhook_id),
        "batch_id": Value(batch.pk),
        "cause": Value(batch.kind),
        "subject": F("subject"),
        "state": Value(State.WAITING.value),
        "reason": Value(""),
        "due_at": moment,
        "created_at": moment,
    }


def _first_values(by: str) -> dict:
    """What every delivery has when it is written."""
    return {
        "uuid": RandomUUID(),
        "urgent": Value(False),
        "attempts_made": Value(0),
        "counted_attempts": Value(0),
        "unknown_in_row": Value(0),
        "body": Cast(Value(None), BinaryField()),
        "body_format": Value(""),
        "content_type": Value(""),
        "last_diagnosis": Value(""),
        "created_by": Value(by),
    }


def _insert(
    model: type[models.Model], source: QuerySet, columns: dict, *, ignore_existing: bool = False, order: str = "pk"
) -> int:
    # A prefix keeps the annotations from clashing with the source's own fields of the same name.
    annotated = source.order_by(order).annotate(**{f"new_{name}": value for name, value in columns.items()})
    select, params = annotated.values_list(*(f"new_{name}" for name in columns)).query.sql_with_params()
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in columns)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) {select}"
    if ignore_existing:
        sql += " ON CONFLICT DO NOTHING"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return max(cursor.rowcount, 0)
