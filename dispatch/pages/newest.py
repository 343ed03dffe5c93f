"""The newest deliveries of a participant, found webhook by webhook.

Asked for all at once, PostgreSQL walks everybody's deliveries from the newest one back until it has met enough of this
participant's: quick for who has many new ones, a walk through millions for who has few or old ones.
"""

import json
from typing import Any

from django.db.models import F, OuterRef, Subquery

from dispatch.querysets import DeliveryQuerySet
from webhooks.querysets import WebhookQuerySet


class _Ids(Subquery):
    """The ids of a query's rows as one list."""

    template = "ARRAY(%(subquery)s)"

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, template="(SELECT json_group_array(id) FROM (%(subquery)s))")

    def convert_value(self, value: Any, expression: Any, connection: Any) -> list[int]:
        return json.loads(value) if connection.vendor == "sqlite" else value


def find_newest(deliveries: DeliveryQuerySet, webhooks: WebhookQuerySet, wanted: int) -> list[int]:
    """Return the ids of the `wanted` newest of these deliveries to these webhooks, newest first. One query.

    Each webhook is asked for its newest one, and as many of them as there are rows wanted, those with the newest of
    all, for that many of theirs: the wanted ones are among them.
    """
    # Between and not equal, and in the order of the webhook too: that order only the indexes by webhook have. Told that
    # it is one webhook, PostgreSQL may take the order of the primary key, and walks through everybody's once more.
    this_one = {"webhook__gte": OuterRef("pk"), "webhook__lte": OuterRef("pk")}
    own = deliveries.filter(**this_one).order_by("webhook_id", "-id").values("id")
    # The lists are made after the limit.
    found = (
        webhooks.annotate(newest=Subquery(own[:1]), ids=_Ids(own[:wanted]))
        .order_by(F("newest").desc(nulls_last=True))
        .values_list("ids", flat=True)[:wanted]
    )
    return sorted((delivery for ids in found for delivery in ids), reverse=True)[:wanted]
