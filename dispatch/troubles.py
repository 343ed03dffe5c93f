"""Which webhooks operations should look at first: those that fail, those that are stopped, and the slowest ones.

Everything is read from lanes, from the newest attempts of few webhooks, or from the newest attempts of all: nothing
that grows with what was ever sent.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from dispatch.bounded import BoundedCount, BoundedFailures, count_open, open_text
from dispatch.days import TRIED
from dispatch.models import Attempt, Lane
from dispatch.pages.health import Health, describe_health, lanes_with_failure
from webhooks.models import Webhook

SHOWN = 8
# The share of failures is that of so many attempts of a webhook, the newest.
SHARE_OF = 1_000
# The slowest are found among so many attempts of all webhooks, the newest.
DURATIONS_OF = 5_000
FEWEST = 3


@dataclass(frozen=True)
class Trouble:
    """One webhook in trouble. `failed` of `tried` attempts in the time looked at; `open_count`: what waits, as text."""

    webhook: Webhook
    health: Health
    tried: int
    failed: int
    open_count: str

    @property
    def share(self) -> str:
        # Rounded up: one failure in a thousand is not 0 %.
        return f"{-(-100 * self.failed // self.tried)} %" if self.tried else "–"


@dataclass(frozen=True)
class Slow:
    """One webhook among the slowest: median and 95th percentile of its newest attempts, in milliseconds."""

    webhook: Webhook
    median_ms: int
    p95_ms: int
    attempts: int


def find_troubles(*, since: datetime) -> list[Trouble]:
    """Return the webhooks that have failed most often in a row, and those stopped last. Five queries."""
    live = Webhook.objects.live().select_related("participant")
    running = live.filter(stopped_at__isnull=True, active=True)
    failing = Lane.objects.filter(failing_since__isnull=False, webhook__in=running)
    worst = list(failing.order_by("-failures_in_row", "pk").values_list("pk", flat=True)[:SHOWN])
    stopped = live.filter(stopped_at__isnull=False).order_by("-stopped_at").values_list("pk", flat=True)
    # Stopped ones keep two of the places, however many fail.
    last = list(stopped[: max(2, SHOWN - len(worst))])
    ids = worst[: SHOWN - min(2, len(last))] + last
    counts = _count_attempts(ids, since)
    waiting = count_open(ids)
    lanes = {lane.pk: lane for lane in lanes_with_failure(ids)}
    webhooks = live.in_bulk(ids)
    return [
        Trouble(webhooks[pk], describe_health(webhooks[pk], lanes.get(pk)), *counts[pk], open_text(waiting[pk]))
        for pk in ids
        if pk in webhooks
    ]


def _count_attempts(webhook_ids: list[int], since: datetime) -> dict[int, tuple[int, int]]:
    own = Attempt.objects.filter(webhook=OuterRef("pk"), slot_at__gte=since, outcome__in=TRIED)
    newest = own.order_by("-slot_at").values("succeeded")[:SHARE_OF]
    rows = Webhook.objects.filter(pk__in=webhook_ids).order_by()
    counted = rows.annotate(tried=BoundedCount(newest), failed=BoundedFailures(newest))
    return {pk: (tried, failed) for pk, tried, failed in counted.values_list("pk", "tried", "failed")}


def find_slowest(*, since: datetime, shown: int = 5) -> list[Slow]:
    """Return the webhooks whose newest answers took longest, by their 95th percentile. Two queries."""
    durations = defaultdict[int, list[int]](list)
    recent = _newest().filter(slot_at__gte=since, outcome__in=TRIED)
    for webhook_id, duration in recent.values_list("webhook_id", "duration_ms"):
        if duration is not None:
            durations[webhook_id].append(duration)
    found = [
        (percentile(values, 95), percentile(values, 50), len(values), pk)
        for pk, values in durations.items()
        if len(values) >= FEWEST
    ]
    slowest = sorted(found, reverse=True)[:shown]
    webhooks = Webhook.objects.select_related("participant").in_bulk([pk for *_rest, pk in slowest])
    return [Slow(webhooks[pk], median, p95, count) for p95, median, count, pk in slowest]


def _newest() -> QuerySet[Attempt]:
    last = Attempt.objects.order_by("-pk").values("pk")[:1]
    return Attempt.objects.filter(pk__gt=Subquery(last) - DURATIONS_OF)


def percentile(values: list[int], share: int) -> int:
    """Return the smallest of `values` that at least `share` percent of them don't exceed. `values`: not empty. Pure."""
    ordered = sorted(values)
    return ordered[max(0, -(-share * len(ordered) // 100) - 1)]


def read_first_waits(*, since: datetime) -> list[int]:
    """Return for how many milliseconds the newest notifications waited for their first attempt. One query."""
    first = _newest().filter(number=1, slot_at__gte=since)
    moments = first.order_by("-pk").values_list("delivery__created_at", "slot_at")[:SHARE_OF]
    return [max(0, int((started - born).total_seconds() * 1000)) for born, started in moments]
