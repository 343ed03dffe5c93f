"""Celery drains with real workers, beats and brokers (delivery.md, "Who sends, who wakes"; faults 1, 4, 6 and 16)."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.urls import reverse

from access.actors import Actor
from dispatch.actions import publish
from dispatch.models import Attempt, Delivery, DispatcherBeat
from portal.environment import EXIT_REFUSED
from tests import brokers
from tests.dispatch.running import (
    LEASE_SECONDS,
    NUMBERS,
    Senders,
    celery,
    celery_workers,
    compare,
    database_url,
    dispatchers,
    wait_for_end,
)
from tests.factories import make_product, make_webhook, make_webhooks
from tests.processes import Oracle, portal_environment, run, wait_until

pytestmark = [
    pytest.mark.process,
    pytest.mark.celery,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180),
]
BY = Actor.system("test")
AFTER_THE_LEASE = {"PORTAL_TEST_CLOCK_OFFSET_SECONDS": str(LEASE_SECONDS + 5)}
HTMX = {"HX-Request": "true"}
# What a page may take while the broker is in trouble: far less than the broker's own time limits.
PAGE_SECONDS = 1.0
with_either_broker = pytest.mark.parametrize("senders", ["redis", "rabbitmq"], indirect=True)


@pytest.fixture(autouse=True)
def _postgresql_only(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite and a broker don't go together: `make test` runs this with PostgreSQL")


@pytest.fixture
def oracle(tmp_path: Path, loopback: None) -> Iterator[Oracle]:
    with Oracle(tmp_path) as running:
        yield running


@pytest.fixture
def woken(redis: brokers.Redis, use_broker: Callable[[str], None]) -> brokers.Redis:
    """A Redis through which this process wakes drains."""
    use_broker(redis.url)
    return redis


def publish_file(product: Any, text: bytes = b"hour;price\n") -> None:
    publish(product, period="2020-08-15", upload=ContentFile(text, "data.csv"), by=BY)


def publish_to(oracle: Oracle, *paths: str, **over: Any) -> None:
    product = make_product()
    make_webhooks([oracle.url(path) for path in paths], product=product, **over)
    publish_file(product)


def children_of(process: Any) -> list[int]:
    """The pids of a worker's children."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in listed.split()]


def logs(folder: Path, name: str) -> str:
    return "".join(path.read_text() for path in sorted(folder.glob(f"{name}-*.log")))


@with_either_broker
def test_a_publication_is_received_within_a_second(oracle, tmp_path, senders: Senders):
    with senders.start(tmp_path):
        senders.wait_until_alive()
        publish_to(oracle, "/ok")
        published = time.time()
        [request] = oracle.wait_for(1)
        wait_for_end()
    assert request["at"] - published < 1
    compare(oracle)


def test_the_message_after_commit_wakes_without_any_tick(oracle, tmp_path, woken):
    """And what is committed while a drain runs is sent at once, though no other process is free."""
    with celery_workers(tmp_path, 1, broker=woken.url, beat=False):
        publish_to(oracle, "/gate/first")
        oracle.wait_for(1)
        publish_to(oracle, "/ok")
        published = time.time()
        [request] = oracle.wait_for(1, target="/ok")
        oracle.open_gate("first")
        wait_for_end()
    assert request["at"] - published < 0.5
    compare(oracle)


def test_fifty_publications_leave_one_message(woken):
    product = make_product()
    make_webhook(products=[product])
    for number in range(50):
        publish_file(product, b"%d\n" % number)
    wait_until(lambda: woken.ask("LLEN gancho.drains") == ":1\n", what="the wake-up")
    time.sleep(0.2)
    assert woken.ask("LLEN gancho.drains") == ":1\n"


@pytest.mark.parametrize("trouble", ["down", "flushed", "silent"])
def test_pages_answer_and_everything_is_sent_once_the_broker_is_back(oracle, tmp_path, owner, woken, trouble):
    """Fault 4."""
    product = make_product()
    webhook = make_webhook(participant=owner.participant, request_uri=oracle.url("/ok"), products=[product])
    press = reverse("dispatch:product-send", args=[webhook.uuid, product.uuid])
    owner.client.get("/")
    with celery_workers(tmp_path, 1, broker=woken.url):
        Senders("redis", woken.url).wait_until_alive()
        {"down": woken.stop, "flushed": woken.flush, "silent": woken.suspend}[trouble]()
        longest = 0.0
        for number in range(3):
            before = time.monotonic()
            publish_file(product, b"%d\n" % number)
            assert owner.client.post(press, headers=HTMX).status_code == 200
            longest = max(longest, time.monotonic() - before)
            # Longer than the wake-up's own patience with a broker that is silent.
            time.sleep(1.5)
        {"down": woken.start, "flushed": lambda: None, "silent": woken.resume}[trouble]()
        wait_for_end(within=45)
    assert longest < 2 * PAGE_SECONDS
    assert Delivery.objects.filter(state="delivered").count() >= 3
    compare_live(oracle)
    assert woken.password not in logs(tmp_path, "*")


def compare_live(oracle: Oracle) -> None:
    """The oracle's comparison without what a later press or version replaced."""
    Attempt.objects.filter(delivery__state="cancelled").delete()
    Delivery.objects.filter(state="cancelled").exclude(pk__in=_pointed_to()).delete()
    compare(oracle)


def _pointed_to() -> Any:
    from dispatch.models import ProductStatus

    return ProductStatus.objects.values("delivery")


@pytest.mark.parametrize("trouble", ["down", "silent"])
def test_without_the_broker_a_dispatcher_beside_sends_everything(oracle, tmp_path, woken, trouble):
    """Fault 4: and both together do no harm."""
    with celery_workers(tmp_path, 1, broker=woken.url), dispatchers(tmp_path, 1, CELERY_BROKER_URL=woken.url):
        wait_until(lambda: DispatcherBeat.objects.count() >= 2, within=20, what="both to show that they live")
        {"down": woken.stop, "silent": woken.suspend}[trouble]()
        publish_to(oracle, *(f"/ok/w{number}" for number in range(50)))
        wait_for_end(within=10)
        woken.resume()
    compare(oracle)


@with_either_broker
def test_two_workers_and_two_beats_send_a_thousand_rows_once_each(oracle, tmp_path, senders: Senders):
    """Fault 6."""
    publish_to(oracle, *(f"/ok/w{number}" for number in range(1_000)))
    with celery_workers(tmp_path, 1, broker=senders.broker), celery_workers(tmp_path, 1, broker=senders.broker):
        wait_for_end(within=60)
    assert len(oracle.received()) == 1_000
    compare(oracle)


def test_a_killed_child_loses_nothing_and_its_worker_goes_on(oracle, tmp_path, woken):
    """Fault 1, with Celery: the message of its drain was taken, and is not needed."""
    publish_to(oracle, "/gate/first", max_attempts=1)
    with celery_workers(tmp_path, 1, broker=woken.url) as [worker]:
        oracle.wait_for(1)
        for child in children_of(worker):
            os.kill(child, signal.SIGKILL)
        oracle.open_gate("first")
        publish_to(oracle, "/ok")
        oracle.wait_for(1, target="/ok")
        assert worker.poll() is None
    with celery_workers(tmp_path, 1, broker=woken.url, **AFTER_THE_LEASE):
        wait_for_end()
    lost = Attempt.objects.filter(delivery__webhook__request_uri__endswith="/gate/first").order_by("number")
    assert list(lost.values_list("outcome", "counted")) == [("unknown", False), ("answered", True)]
    compare(oracle, kills=1)


def test_a_drain_ends_when_its_time_is_up_and_a_successor_goes_on(oracle, tmp_path, woken):
    """Without a tick: the drain itself asks for its successor, and does not wait for the one that hangs."""
    publish_to(oracle, "/hang", *(f"/slow/0.4/w{number % 4}" for number in range(40)), max_attempts=1)
    # One at a time for each webhook: there is enough to do for several drains.
    for product in [make_product() for _ in range(8)]:
        make_webhooks([oracle.url(f"/slow/0.4/v{number}") for number in range(4)], product=product)
        publish_file(product)
    over = {"PORTAL_DISPATCH_DRAIN_SECONDS": "1", "PORTAL_DISPATCH_CONCURRENCY": "8", "PORTAL_DISPATCH_BATCH": "16"}
    with celery_workers(tmp_path, 1, broker=woken.url, beat=False, **over):
        wait_for_end(within=40)
    handed_on = logs(tmp_path, "worker").count("drain.handed_on")
    assert handed_on >= 2
    at = sorted(request["at"] for request in oracle.received())
    # The one that hangs takes three seconds; nobody has waited for it.
    assert max(after - before for before, after in pairwise(at)) < 2
    compare(oracle)


def test_a_worker_told_to_stop_waits_for_answers_of_a_drain_that_has_ended(oracle, tmp_path, woken):
    publish_to(oracle, "/slow/2", *(f"/slow/0.2/w{number}" for number in range(30)))
    over = {"PORTAL_DISPATCH_DRAIN_SECONDS": "1", "PORTAL_DISPATCH_CONCURRENCY": "4", "PORTAL_DISPATCH_BATCH": "4"}
    with celery_workers(tmp_path, 1, broker=woken.url, beat=False, **over) as [worker]:
        wait_until(lambda: "drain.handed_on" in logs(tmp_path, "worker"), within=20, what="the first drain to end")
        worker.terminate()
        assert worker.wait(15) == 0
    assert not Attempt.objects.filter(outcome="").exists()
    assert not Delivery.objects.filter(lease_token__isnull=False).exists()


def test_connections_are_kept_from_drain_to_drain(oracle, tmp_path, woken):
    """One for the drain and one that listens: Celery's own habit is a new one around every task."""
    with celery_workers(tmp_path, 1, broker=woken.url):
        Senders("redis", woken.url).wait_until_alive()
        publish_to(oracle, "/ok")
        wait_for_end()
        drains = " AND (query LIKE 'LISTEN%%' OR query LIKE '%%dispatch_%%')"
        before = wait_until(lambda: _backends(drains), what="a connection of the drain")
        for _ in range(3):
            publish_to(oracle, "/ok")
            wait_for_end()
            time.sleep(1.2)
        after = _backends()
    assert before <= after
    assert len(oracle.received()) == 4


def _backends(those: str = "") -> set[int]:
    """The server's processes for this database, or `those` of them. By their last statements the drain's are found, but
    not found again: it may have asked something else since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()" + those
        )
        return {pid for (pid,) in cursor.fetchall()}


@pytest.mark.parametrize("command", ["worker", "beat"])
@pytest.mark.parametrize(
    ("broker", "database", "why"),
    [
        ("redis://:hidden@127.0.0.1:1/0", "sqlite", "portal.E007"),
        ("filesystem://", "", "portal.E006"),
        ("", "", "CELERY_BROKER_URL is not set"),
        ("none", "", "CELERY_BROKER_URL is not set"),
    ],
)
def test_celery_refuses_what_cannot_work(tmp_path, command, broker, database, why):
    url = f"sqlite:///{tmp_path}/some.sqlite3" if database else database_url()
    environment = portal_environment(Path(settings.PORTAL_HOME), url, CELERY_BROKER_URL=broker, **NUMBERS)
    refused = run(*celery(command), env=environment)
    assert refused.returncode == EXIT_REFUSED
    said = [line for line in refused.stderr.splitlines() if line.startswith("gancho: ")]
    assert len(said) == 1
    assert why in said[0]
    assert "hidden" not in refused.stdout + refused.stderr


def test_neither_banner_nor_log_tells_the_password_of_the_broker(oracle, tmp_path, woken):
    with celery_workers(tmp_path, 1, broker=woken.url):
        Senders("redis", woken.url).wait_until_alive()
        woken.stop()
        wait_until(lambda: "Cannot connect" in logs(tmp_path, "worker"), within=20, what="the worker to miss it")
        woken.start()
    said = logs(tmp_path, "worker") + logs(tmp_path, "beat")
    assert re.search(r"redis://:\*\*@", said)
    assert woken.password not in said
