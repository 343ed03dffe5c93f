"""One event becomes one delivery per webhook that is to hear of it, by INSERT ... SELECT: no loop in Python, and the
same cost in memory for one webhook or a hundred thousand (GSAN-13)."""

from datetime import datetime

from django.db import connection, models
from django.db.models import BinaryField, Case, Exists, F, OuterRef, QuerySet, Value, When
from django.db.models.functions import Cast

from catalog.models import Audience, Product, ProductGrant
from dispatch.models import Cause, Delivery, Event, Lane, Mode, ProductStatus, Reason, State
from webhooks.models import Webhook


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
    written = Delivery.objects.filter(event=event, cause=Cause.AUTOMATIC)
    lane = {"webhook_id": F("webhook_id"), "failures_in_row": Value(0)}
    _insert(Lane, written, lane, ignore_existing=True, order="webhook_id")
    if event.publication and event.mode == Mode.LIVE:
        point_statuses_to(event, event.publication.product, now=now)
    return made


def point_statuses_to(event: Event, product: Product, *, now: datetime) -> None:
    """Make the status of `product` on every webhook told by `event` the state of that new delivery (ONS-15)."""
    deliveries = Delivery.objects.filter(event=event, cause=Cause.AUTOMATIC)
    columns = {
        "webhook_id": F("webhook_id"),
        "product_id": Value(product.pk),
        "delivery_id": F("pk"),
        "state": F("state"),
        "failed_attempts": Value(0),
        "changed_at": Value(now, output_field=models.DateTimeField()),
    }
    # Two publications of a product at once: whichever comes last, the newer delivery stays.
    newer = "excluded.delivery_id > dispatch_productstatus.delivery_id"
    conflict = ("webhook_id", "product_id")
    _insert(ProductStatus, deliveries, columns, conflict=conflict, only_if=newer, order="webhook_id")


def _delivery_columns(event: Event, now: datetime, by: str) -> dict:
    moment = Value(now, output_field=models.DateTimeField())
    stopped = When(stopped_at__isnull=False, then=Value(State.HELD.value))
    return {
        "uuid": RandomUUID(),
        "event_id": Value(event.pk),
        "webhook_id": F("pk"),
        "cause": Value(Cause.AUTOMATIC.value),
        "subject": Value(event.subject),
        "state": Case(stopped, default=Value(State.WAITING.value)),
        "reason": Case(When(stopped_at__isnull=False, then=Value(Reason.WEBHOOK_STOPPED.value)), default=Value("")),
        "urgent": Value(False),
        "due_at": Case(
            When(stopped_at__isnull=True, then=moment), default=Value(None), output_field=models.DateTimeField()
        ),
        "attempts_made": Value(0),
        "counted_attempts": Value(0),
        "unknown_in_row": Value(0),
        "body": Cast(Value(None), BinaryField()),
        "body_format": Value(""),
        "content_type": Value(""),
        "last_diagnosis": Value(""),
        "created_by": Value(by),
        "created_at": moment,
    }


def _insert(
    model: type[models.Model],
    source: QuerySet,
    columns: dict,
    *,
    ignore_existing: bool = False,
    conflict: tuple[str, ...] = (),
    only_if: str = "",
    order: str = "pk",
) -> int:
    # A prefix keeps the annotations from clashing with the source's own fields of the same name.
    # In one order whoever writes: two publications at once would otherwise wait for each other's rows.
    annotated = source.order_by(order).annotate(**{f"new_{name}": value for name, value in columns.items()})
    select, params = annotated.values_list(*(f"new_{name}" for name in columns)).query.sql_with_params()
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in columns)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) {select}"
    if ignore_existing:
        sql += " ON CONFLICT DO NOTHING"
    if conflict:
        changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in columns if name not in conflict)
        sql += f" ON CONFLICT ({', '.join(quote(name) for name in conflict)}) DO UPDATE SET {changes} WHERE {only_if}"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return max(cursor.rowcount, 0)
