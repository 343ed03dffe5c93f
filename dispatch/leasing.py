"""The last statement of a claim: the leases and the attempts, written down before anything is sent."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection

from dispatch import bulk, clock
from dispatch.models import Attempt, Delivery
from dispatch.picking import Row
from webhooks.plans import SendPlan

COLUMNS = {
    "delivery": "bigint",
    "webhook": "bigint",
    "version": "bigint",
    "number": "integer",
    "unknown_in_row": "smallint",
    "url": "text",
    "body": "text",
    "body_format": "text",
    "content_type": "text",
    "counted": "boolean",
}

# A body is written once; later claims send null and leave it as it is. Bodies are UTF-8: taking base64 apart costs
# PostgreSQL four times as much.
LEASE = f"""
WITH moment(at) AS MATERIALIZED (SELECT {{now}}),
v AS MATERIALIZED (SELECT * FROM {bulk.recordset(COLUMNS, "r")}),
leased AS (
    UPDATE dispatch_delivery t
    SET due_at = moment.at + %s * interval '1 second', lease_token = %s, attempts_made = v.number,
        unknown_in_row = v.unknown_in_row, body = COALESCE(convert_to(v.body, 'UTF8'), t.body),
        body_format = COALESCE(v.body_format, t.body_format), content_type = COALESCE(v.content_type, t.content_type)
    FROM v, moment WHERE t.id = v.delivery
)
INSERT INTO dispatch_attempt (delivery_id, webhook_id, webhook_version_id, number, lease_token, outcome, counted,
    succeeded, slot_at, url, request_headers, response_headers, response_body, answer_cut, diagnosis, detail,
    remote_address, private, timing)
SELECT v.delivery, v.webhook, v.version, v.number, %s, '', v.counted, false, moment.at, v.url, '[]', '[]', '', false,
    '', '', '', false, '{{{{}}}}'
FROM v, moment
RETURNING delivery_id, id, extract(epoch FROM slot_at)::float8
"""  # noqa: S608 (names of columns only)


@dataclass(frozen=True, slots=True)
class Lease:
    """The attempts of one claim. `booked_at`: time.monotonic() of `started_at`, read before it."""

    token: UUID
    started_at: datetime
    booked_at: float
    attempt_ids: Mapping[int, int]


def lease_rows(rows: Sequence[Row], plans: Mapping[int, SendPlan]) -> Lease:
    """Lease the rows and write an open attempt for each; the start slots are booked at this very moment.

    As late as can be: a request that starts more than 50 ms after its slot is handed back, and the claim has waited for
    locks and rendered bodies until here.
    """
    token, booked_at = uuid4(), time.monotonic()
    values = [_values(row, plans[row.webhook_id]) for row in rows]
    write = _write_at_once if connection.vendor == "postgresql" else _write_one_by_one
    return write(values, token, booked_at)


def _values(row: Row, plan: SendPlan) -> dict[str, Any]:
    return {
        "delivery": row.id,
        "webhook": row.webhook_id,
        "version": plan.version_id,
        "number": row.attempts_made + 1,
        "unknown_in_row": row.unknown_in_row,
        "url": plan.shown_url,
        "body": row.body if row.rendered else None,
        "body_format": row.body_format if row.rendered else None,
        "content_type": row.content_type if row.rendered else None,
        "counted": not row.repeat_due,
    }


def _write_at_once(values: list[dict[str, Any]], token: UUID, booked_at: float) -> Lease:
    moment, moment_params = clock.sql_now()
    lease_seconds = settings.PORTAL_DISPATCH_LEASE_SECONDS
    texts = [row | {"body": bytes(row["body"]).decode()} if row["body"] is not None else row for row in values]
    with connection.cursor() as cursor:
        params = [*moment_params, bulk.as_json(texts), lease_seconds, token, token]
        cursor.execute(LEASE.format(now=moment), params)
        written = cursor.fetchall()
    started_at = datetime.fromtimestamp(written[0][2], UTC)
    return Lease(token, started_at, booked_at, {delivery: attempt for delivery, attempt, _at in written})


def _write_one_by_one(values: list[dict[str, Any]], token: UUID, booked_at: float) -> Lease:
    now = clock.now()
    lease_ends = now + timedelta(seconds=settings.PORTAL_DISPATCH_LEASE_SECONDS)
    leased = [
        {
            "id": row["delivery"],
            "due_at": lease_ends,
            "lease_token": token,
            "attempts_made": row["number"],
            "unknown_in_row": row["unknown_in_row"],
        }
        for row in values
    ]
    bodies = [
        {"id": row["delivery"], **{name: row[name] for name in ("body", "body_format", "content_type")}}
        for row in values
        if row["body"] is not None
    ]
    bulk.update_tables([bulk.Change(Delivery, leased), bulk.Change(Delivery, bodies)])
    attempts = Attempt.objects.bulk_create(
        Attempt(
            delivery_id=row["delivery"],
            webhook_id=row["webhook"],
            webhook_version_id=row["version"],
            number=row["number"],
            lease_token=token,
            slot_at=now,
            url=row["url"],
            counted=row["counted"],
        )
        for row in values
    )
    return Lease(token, now, booked_at, {attempt.delivery_id: attempt.pk for attempt in attempts})
