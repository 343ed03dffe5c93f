"""Real senders on the test's own database, and what they did compared with the oracle's record.

`dispatchers` and `celery_workers` start the processes that send, in the same words; `Senders.start` is one of them, for
tests that are run once in each of the three running modes (the fixture `senders` of this folder, `in_each_mode`).
"""

import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection

from access.actors import Actor
from dispatch.actions import publish
from dispatch.models import Attempt, Delivery, DispatcherBeat, Outcome
from tests.factories import make_product, make_webhooks
from tests.processes import Oracle, header, manage, portal_environment, started, wait_until

# Small numbers, so that the shortest allowed lease is short and a batch is soon full.
NUMBERS = {
    "PORTAL_DISPATCH_BATCH": "64",
    "PORTAL_DISPATCH_CONCURRENCY": "32",
    "PORTAL_DISPATCH_LEASE_SECONDS": "30",
    "PORTAL_OUTBOUND_DEADLINE_SECONDS": "3",
}
LEASE_SECONDS = 30
SLOTS = 32
# For senders that are started after others were killed: the leases of those have run out.
AFTER_THE_LEASE = {"PORTAL_TEST_CLOCK_OFFSET_SECONDS": str(LEASE_SECONDS + 5)}

# The three running modes of delivery.md: `make test` runs the first one on both databases, the second on PostgreSQL.
in_each_mode = pytest.mark.parametrize(
    "senders", ["dispatcher", pytest.param("redis", marks=pytest.mark.celery)], indirect=True
)


def database_url() -> str:
    """The URL of the database that this test uses, for a process of its own."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    user = quote(parts["USER"]) + (f":{quote(parts['PASSWORD'])}" if parts["PASSWORD"] else "")
    return f"postgres://{user}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


def how_many() -> int:
    """Two dispatchers where the database allows it."""
    return 2 if connection.vendor == "postgresql" else 1


@contextmanager
def dispatchers(folder: Path, count: int | None = None, **over: str) -> Iterator[list[Popen[bytes]]]:
    """`count` dispatchers that have shown that they live."""
    environment = portal_environment(Path(settings.PORTAL_HOME), database_url(), **NUMBERS | over)
    with ExitStack() as stack:
        running = []
        for number in range(how_many() if count is None else count):
            log = _log(folder, f"dispatcher-{number}")
            running.append(stack.enter_context(started(*manage("dispatcher"), env=environment, log=log)))
        yield running


@contextmanager
def celery_workers(
    folder: Path, count: int | None = None, *, broker: str, beat: bool = True, wait: bool = True, **over: str
) -> Iterator[list[Popen[bytes]]]:
    """`count` Celery workers of one child each, and a beat unless told otherwise. Yields the workers' main processes.

    A worker that a failpoint is to kill has no child (pool solo): it is the worker itself that dies, as a dispatcher
    does. `wait`: until each is connected to the broker.
    """
    environment = portal_environment(
        Path(settings.PORTAL_HOME), database_url(), CELERY_BROKER_URL=broker, **NUMBERS | over
    )
    pool = "solo" if over.get("PORTAL_TEST_FAILPOINT") else "prefork"
    with ExitStack() as stack:
        if beat:
            stack.enter_context(started(*celery("beat"), env=environment, log=_log(folder, "beat"), stop_within=5))
        running, logs = [], []
        for number in range(how_many() if count is None else count):
            logs.append(_log(folder, f"worker-{number}"))
            words = celery("worker", "-n", f"w{number}@test", "-c", "1", "-P", pool)
            running.append(stack.enter_context(started(*words, env=environment, log=logs[-1])))
        if wait:
            is_ready = lambda: all("ready." in log.read_text() for log in logs)  # noqa: E731
            wait_until(is_ready, within=30, what="the workers to be ready")
        yield running


def celery(command: str, *words: str) -> tuple[str, ...]:
    """The words of `celery worker` or `celery beat`, as deploy/ has them."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat") if command == "worker" else ("--pidfile=",)
    return (sys.executable, "-m", "celery", "-A", "portal", command, *quiet, *words)


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}-{len(list(folder.iterdir()))}.log"


@dataclass(frozen=True)
class Senders:
    """One of the running modes: dispatchers (on SQLite or PostgreSQL), or Celery with one of the two brokers."""

    mode: str
    broker: str = ""

    def start(self, folder: Path, count: int | None = None, **over: str) -> AbstractContextManager[list[Popen[bytes]]]:
        """As `dispatchers`, in this mode."""
        if not self.broker:
            return dispatchers(folder, count, **over)
        return celery_workers(folder, count, broker=self.broker, **over)

    def kill(self, process: Popen[bytes]) -> None:
        """kill -9 of a sender with all its children: a worker's one sends, not the worker itself."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def wait_until_alive(self) -> None:
        """Wait until each dispatcher has shown itself; of Celery's, which share a row for a machine, until one has."""
        expected = 1 if self.broker else how_many()
        wait_until(
            lambda: DispatcherBeat.objects.count() >= expected, within=20, what="the senders to show that they live"
        )


def publish_to(oracle: Oracle, *paths: str, **over: Any) -> list[Any]:
    """A webhook for each path of the oracle, told of a new product's first version. `over`: as for `make_webhook`."""
    product = make_product()
    webhooks = make_webhooks([oracle.url(path) for path in paths], product=product, **over)
    publish_file(product)
    return webhooks


def publish_file(product: Any, text: bytes = b"hour;price\n") -> None:
    publish(product, period="2020-08-15", upload=ContentFile(text, "data.csv"), by=Actor.system("test"))


def wait_for_end(within: float = 20.0) -> None:
    """Wait until no delivery is open any more."""
    wait_until(lambda: not Delivery.objects.open().exists(), within=within, what="every delivery to end")


def compare(oracle: Oracle, *, kills: int = 0, ends: tuple[str, ...] = ("delivered", "failed")) -> None:
    """The oracle's comparison (safety.md, section 4): what was accepted, attempted, received and marked delivered.

    `ends`: the states in which a delivery may be now.
    """
    received = received_by_id(oracle)
    by_id = {delivery.message_id: delivery for delivery in Delivery.objects.defer("body")}
    assert set(received) <= set(by_id), "the receiver got something that nobody accepted"
    for delivery in by_id.values():
        assert delivery.state in ends, f"{delivery} ended as {delivery.state}"
        if delivery.state == "delivered":
            assert any(map(answered_well, received[delivery.message_id])), f"{delivery} was never answered 2xx"
    _compare_attempts(received)
    repeats = sum(map(count_repeats, received.values()))
    assert repeats <= kills * SLOTS, f"{repeats} repeats after a success with {kills} kills"
    for message_id, requests in received.items():
        assert len({request["sha256"] for request in requests}) == 1, f"{message_id} changed its bytes"
        _assert_one_at_a_time(message_id, requests)


def received_by_id(oracle: Oracle) -> dict[str, list[dict[str, Any]]]:
    """What the oracle got, in order of arrival, by `webhook-id`. Token requests are told of nowhere here."""
    received: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for request in oracle.received():
        if request["target"].startswith("/issue/"):
            continue
        received[header(request, "webhook-id") or ""].append(request)
    return received


def answered_well(request: dict[str, Any]) -> bool:
    # The oracle says 200 on these paths at once, and never comes to the end of the body.
    endless = request["target"].startswith(("/drip/", "/endless"))
    return endless or bool(request["status"] and 200 <= request["status"] < 300)


def _compare_attempts(received: dict[str, list[dict[str, Any]]]) -> None:
    attempts = Counter(
        f"msg_{uuid}"
        for uuid in Attempt.objects.exclude(outcome=Outcome.HANDED_BACK).values_list("delivery__uuid", flat=True)
    )
    for message_id, requests in received.items():
        assert attempts[message_id] >= len(requests), f"{message_id}: a request without a committed attempt"
    assert not Attempt.objects.filter(outcome=Outcome.OPEN).exists()


def count_repeats(requests: list[dict[str, Any]]) -> int:
    """How many requests of one id came after one that was answered 2xx."""
    succeeded = [index for index, request in enumerate(requests) if answered_well(request)]
    return len(requests) - 1 - succeeded[0] if succeeded else 0


def _assert_one_at_a_time(message_id: str, requests: list[dict[str, Any]]) -> None:
    for before, after in pairwise(requests):
        ended = before["answered_at"]
        assert ended is None or after["at"] >= ended - 0.001, f"{message_id} was sent twice at once"
