"""One webhook that hangs with much due, and how long the others wait beside it (fault 13)."""

import time
from typing import Any

from django.utils import timezone

from dispatch.models import Delivery, Event, Lane
from tests.dispatch.running import publish_file
from tests.processes import Oracle, wait_until
from webhooks.models import Webhook

HEALTHY = 20
VERSIONS = 5


def p95_of_receipts(oracle: Oracle, product: Any) -> float:
    """Publish some versions, one after the other; the seconds within which nearly all of HEALTHY webhooks have each."""
    seconds: list[float] = []
    for _time in range(VERSIONS):
        known = len(healthy(oracle))
        publish_file(product, b"%d\n" % known)
        published = time.time()
        wait_until(lambda known=known: len(healthy(oracle)) >= known + HEALTHY, what="the healthy ones")
        seconds += [request["at"] - published for request in healthy(oracle)[known:]]
    return sorted(seconds)[int(len(seconds) * 0.95)]


def healthy(oracle: Oracle) -> list[dict[str, Any]]:
    return [request for request in oracle.received() if request["target"].startswith("/ok/")]


def add_backlog(webhook: Webhook, count: int) -> None:
    """Many events that are due for one webhook at once."""
    now, subject = timezone.now(), "test:backlog"
    Lane.objects.get_or_create(webhook=webhook)
    events = Event.objects.bulk_create(
        Event(
            type="client-transaction",
            source="backlog",
            subject=subject,
            payload="{}",
            occurred_at=now,
            dedupe_key=f"backlog {number}",
        )
        for number in range(count)
    )
    Delivery.objects.bulk_create(
        Delivery(webhook=webhook, event=each, subject=each.subject, due_at=now, created_at=now) for each in events
    )
