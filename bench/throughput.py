"""How many publications a second are told, received and recorded, and what each costs in processor time.

    python -m bench.throughput [--database sqlite|postgres] [--webhooks 200] [--publications 25] [--runs 3]

A real dispatcher process, a receiver in a process of its own (tests/oracle.py), a fresh database in a temporary folder.
Measured beside it, in the same run, because only ratios survive a change of machine: the plain way, one ORM row, one
`requests.post`, one save after the other.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import services
from tests.processes import Oracle, manage, portal_environment, started, wait_until

PLAIN_DELIVERIES = 500


@dataclass(frozen=True)
class Rate:
    """Deliveries a second, and milliseconds of our processor time for each."""

    per_second: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.per_second:8.0f} deliveries/s {self.cpu_ms:8.2f} ms CPU each"


def main() -> None:
    arguments = _read_arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gancho-bench-")))
        oracle = stack.enter_context(Oracle(folder))
        env = portal_environment(folder, _database_url(arguments.database, folder, stack))
        os.environ.clear()
        os.environ.update(env | {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORTAL_LOG_LEVEL": "WARNING"})
        Bench(folder, oracle).run(arguments)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--webhooks", type=int, default=200)
    parser.add_argument("--publications", type=int, default=25, help="for each run; every webhook is told of each")
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def _database_url(database: str, folder: Path, stack: ExitStack) -> str:
    if database == "sqlite":
        return f"sqlite:///{folder}/gancho.sqlite3"
    server = stack.enter_context(services.provide_postgres())
    if server is None:
        sys.exit("no PostgreSQL here")
    return stack.enter_context(services.fresh_database(server))


class Bench:
    """One database with its webhooks, all subscribed to one product."""

    def __init__(self, folder: Path, oracle: Oracle) -> None:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        self.folder = folder
        self.oracle = oracle

    def run(self, arguments: argparse.Namespace) -> None:
        from tests.factories import make_product

        self.product = make_product()
        self._make_webhooks(arguments.webhooks)
        count = arguments.webhooks * arguments.publications
        print(f"{arguments.database}, {arguments.webhooks} webhooks, {arguments.publications} publications a run")
        idle = self._dispatch_once()
        rates = []
        for number in range(arguments.runs):
            published = self._publish(arguments.publications)
            rates.append(self._measure(count, idle))
            print(f"  run {number + 1}      {rates[-1]}   fan-out {count / published:8.0f} rows/s", flush=True)
        plain = self._measure_plain()
        middle = statistics.median(rate.per_second for rate in rates)
        print(f"  the plain way {plain}")
        print(f"  median {middle:.0f} deliveries/s, {middle / plain.per_second:.1f} times the plain way")
        print(f"  publish to last receiver, idle: {self._measure_latency(arguments.webhooks) * 1000:.0f} ms")

    def _make_webhooks(self, count: int) -> None:
        from tests.factories import make_webhooks

        make_webhooks([self.oracle.url(f"/ok/w{number}") for number in range(count)], product=self.product)

    def _publish(self, count: int) -> float:
        from django.core.files.base import ContentFile

        from access.actors import Actor
        from dispatch.actions import publish
        from tests.factories import next_number

        begun = time.monotonic()
        for _ in range(count):
            upload = ContentFile(b"hour;price\n%d\n" % next_number(), name="data.csv")
            publish(self.product, period="2026-01-01", upload=upload, by=Actor.system("bench"))
        return time.monotonic() - begun

    def _dispatch_once(self) -> float:
        """Run a dispatcher until nothing is due; return its processor seconds."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(manage("dispatcher", "--once"), check=True, stdin=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _measure(self, count: int, idle: float) -> Rate:
        from django.db.models import Max, Min

        from dispatch.models import Attempt, Delivery, State

        last = Attempt.objects.aggregate(last=Max("pk"))["last"] or 0
        spent = self._dispatch_once() - idle
        ours = Attempt.objects.filter(pk__gt=last)
        times = ours.aggregate(first=Min("slot_at"), last=Max("finished_at"))
        sent = ours.filter(succeeded=True).count()
        if sent != count or Delivery.objects.exclude(state=State.DELIVERED).exists():
            sys.exit(f"{sent} of {count} deliveries were delivered: nothing to measure")
        return Rate(count / (times["last"] - times["first"]).total_seconds(), spent / count * 1000)

    def _measure_plain(self) -> Rate:
        import requests
        from django.utils import timezone

        from dispatch.models import Attempt
        from webhooks.models import Webhook

        webhook = Webhook.objects.all()[0]
        ids = list(Attempt.objects.values_list("pk", flat=True)[:PLAIN_DELIVERIES])
        session = requests.Session()
        begun, spent = time.monotonic(), time.process_time()
        for pk in ids:
            attempt = Attempt.objects.select_related("delivery", "webhook").get(pk=pk)
            response = session.post(webhook.request_uri, data=bytes(attempt.delivery.body), timeout=15)
            attempt.status, attempt.finished_at = response.status_code, timezone.now()
            attempt.save()
            attempt.delivery.last_status = response.status_code
            attempt.delivery.save()
        seconds, cpu = time.monotonic() - begun, time.process_time() - spent
        return Rate(len(ids) / seconds, cpu / len(ids) * 1000)

    def _measure_latency(self, webhooks: int) -> float:
        """From the call of publish to the last of all receivers, with a dispatcher that had nothing to do."""
        with self._running_dispatcher():
            seen = len(self.oracle.received())
            begun = time.time()
            self._publish(1)
            received = self.oracle.wait_for(seen + webhooks, within=30)
        return max(line["at"] for line in received[seen:]) - begun

    @contextmanager
    def _running_dispatcher(self) -> Iterator[None]:
        from dispatch.models import DispatcherBeat

        with started(*manage("dispatcher"), env=dict(os.environ), log=self.folder / "dispatcher.log"):
            wait_until(DispatcherBeat.objects.exists, within=20, what="the dispatcher")
            yield


if __name__ == "__main__":
    main()
