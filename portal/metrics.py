"""/metrics: figures for Prometheus, read from the tables at each scrape.

So they are true whichever process is asked, and across restarts; no process counts anything by itself. No figure reads
a big table as a whole: open deliveries are counted by small indexes and no further than a bound, ended attempts come
from the tallies (dispatch/tallies.py). No label names a participant or an address.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from dispatch import backlog, beats, clock, tallies
from dispatch.models import DispatcherBeat
from dispatch.models.deliveries import REASONS, State
from notices.models import Notice
from portal.jobs import JOBS
from portal.models import JobRun
from webhooks.models import Webhook

BEARER = "Bearer "
# By the values of the labels, in their order.
Values = Mapping[Any, float]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answers who knows PORTAL_METRICS_TOKEN; where none is set there is no such page."""
    if not settings.PORTAL_METRICS_TOKEN:
        raise Http404
    if not _knows_token(request.headers.get("Authorization", "")):
        return HttpResponse("a bearer token is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _knows_token(header: str) -> bool:
    given = header.removeprefix(BEARER) if header.startswith(BEARER) else ""
    return hmac.compare_digest(given.encode(), settings.PORTAL_METRICS_TOKEN.encode())


class TableCollector(Collector):
    """Asks the tables when it is asked."""

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        yield from _deliveries(now)
        yield from _totals()
        yield from _webhooks()
        yield from _processes(now)
        yield _gauge("build_info", "The running version.", {(settings.PORTAL_VERSION,): 1}, ["version"])


@cache
def _registry() -> CollectorRegistry:
    # Not the library's own registry: what it counts by itself belongs to one process of many.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TableCollector())
    return registry


def _deliveries(now: datetime) -> Iterator[Metric]:
    bound = f"Counted up to {backlog.COUNTED_AT_MOST}."
    states = {(State.WAITING.value,): backlog.count_waiting(), (State.HELD.value,): backlog.count_held()}
    yield _gauge("deliveries_open", f"Deliveries not at an end, by state. {bound}", states, ["state"])
    yield _gauge("deliveries_due", f"Waiting deliveries whose time has come. {bound}", {(): backlog.count_due(now)})
    in_flight = {(): backlog.count_in_flight(now)}
    yield _gauge("deliveries_in_flight", f"Deliveries that a process has leased. {bound}", in_flight)
    oldest = backlog.oldest_due_at(now)
    age = {(): (now - oldest).total_seconds() if oldest else 0.0}
    yield _gauge("deliveries_oldest_due_seconds", "For how long the oldest due delivery has been due; 0: none is.", age)


def _totals() -> Iterator[Metric]:
    totals = tallies.read_totals()
    ended = {(name,): totals.get(tallies.ATTEMPTS + name, 0) for name in tallies.OUTCOMES}
    yield _counter(
        "attempts", "Attempts that ended, by outcome; delivered is the number of delivered notifications.", ended
    )
    reasons = {(str(reason),): totals.get(tallies.FAILED + reason, 0) for reason in REASONS[State.FAILED]}
    yield _counter("deliveries_failed", "Notifications given up, by reason.", reasons, "reason")


def _webhooks() -> Iterator[Metric]:
    states = dict.fromkeys((("active",), ("incomplete",), ("inactive",), ("stopped",)), 0)
    kinds = Webhook.objects.live().order_by().values_list("active", "ready", "stopped_reason")
    for active, ready, stopped_reason, count in kinds.annotate(count=Count("*")):
        state = "stopped" if stopped_reason else "inactive" if not active else "active" if ready else "incomplete"
        states[state,] += count
    yield _gauge("webhooks", "Webhooks not archived, by state; stopped: by the system.", states, ["state"])


def _processes(now: datetime) -> Iterator[Metric]:
    alive = DispatcherBeat.objects.filter(beat_at__gt=now - beats.SILENT_AFTER).count()
    yield _gauge("dispatchers_alive", f"Senders that showed life within {beats.SILENT_AFTER.seconds} s.", {(): alive})
    if beat_at := beats.last_beat_at():
        age = {(): _age(beat_at, now)}
        yield _gauge("dispatcher_beat_age_seconds", "Since the last sign of life of any sender.", age)
    runs = [run for run in JobRun.objects.all() if run.task in {job.task for job in JOBS}]
    ages = {(run.task,): _age(run.ended_at, now) for run in runs}
    yield _gauge("job_run_age_seconds", "Since each periodic job last ended.", ages, ["job"])
    failed = {(run.task,): int(not run.succeeded) for run in runs}
    yield _gauge("notices_waiting", "Mails not sent yet.", {(): Notice.objects.filter(state="waiting").count()})
    yield _gauge("job_failed", "1 when the last run of a periodic job failed.", failed, ["job"])


def _age(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def _gauge(name: str, text: str, values: Values, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"gancho_{name}", text, labels=list(labels))
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _counter(name: str, text: str, values: Values, label: str = "outcome") -> CounterMetricFamily:
    family = CounterMetricFamily(f"gancho_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
