"""Faults with all of a mode's senders at work: what receivers and people do (8, 12, 13), bad rows (17), a clock that is
stepped (15), a database that takes nothing (14), one release after another (16). See docs/faults.md."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from access.actors import Actor
from dispatch.models import Attempt, Delivery, Lane
from dispatch.sending import Press, send_product
from tests.at_once import at_once
from tests.dispatch.hanging import HEALTHY, add_backlog, p95_of_receipts
from tests.dispatch.running import Senders, compare, database_url, in_each_mode, publish_file, publish_to, wait_for_end
from tests.factories import make_event, make_product, make_webhook, make_webhooks
from tests.processes import wait_until
from webhooks.models import Webhook

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
BY = Actor.system("test")
OFFSET = "PORTAL_TEST_CLOCK_OFFSET_SECONDS"
HOUR = 3_600
INTERVAL = 60


def waiting_seconds() -> dict[str, float | None]:
    """How long each webhook's lane is closed after the answer, by the last part of the address."""
    opens = dict(Lane.objects.values_list("webhook", "open_at"))
    return {
        attempt.webhook.request_uri.rpartition("/")[2]: opens[attempt.webhook_id]
        and (opens[attempt.webhook_id] - attempt.finished_at).total_seconds()
        for attempt in Attempt.objects.select_related("webhook").filter(number=1).order_by("-pk")
    }


@in_each_mode
def test_retry_after_keeps_the_whole_webhook_waiting_and_never_too_long(oracle, tmp_path, senders: Senders):
    """Fault 8: in seconds, shorter than the interval, as a date, huge, negative, junk."""
    date = quote(format_datetime(timezone.now() + timedelta(seconds=900), usegmt=True))
    asked = ["900", "5", date, "99999999999", "-5", "soon"]
    product = make_product()
    over = {"max_attempts": 1, "retry_interval_seconds": INTERVAL}
    make_webhooks([oracle.url(f"/retry-after/{value}") for value in asked], product=product, **over)
    with senders.start(tmp_path, 1):
        publish_file(product)
        wait_until(lambda: Delivery.objects.filter(state="failed").count() == 6, within=20, what="six answers")
        closed = waiting_seconds()
        publish_file(product, b"second\n")
        oracle.wait_for(8)
        wait_until(lambda: Delivery.objects.filter(state="failed").count() == 8, what="those that ask for no time")
    assert (closed["900"], closed["5"], closed["99999999999"]) == (900, INTERVAL, HOUR)
    assert 800 < closed[date] <= 900
    assert (closed["-5"], closed["soon"]) == (None, None)
    again = {request["target"].rpartition("/")[2] for request in oracle.received()[6:]}
    assert again == {"-5", "soon"}
    compare(oracle, ends=("failed", "waiting"))


@in_each_mode
def test_fifty_presses_while_it_is_sent_make_one_delivery_and_one_request(oracle, tmp_path, senders: Senders):
    """Fault 12: whoever presses while it is on its way or being sent is told so."""
    product = make_product()
    publish_file(product)
    webhook = make_webhook(request_uri=oracle.url("/gate/press"), products=[product])
    press = lambda: send_product(webhook, product, by=BY)  # noqa: E731
    with senders.start(tmp_path):
        senders.wait_until_alive()
        presses = at_once([press] * 50)
        oracle.wait_for(1)
        while_being_sent = at_once([press] * 10)
        oracle.open_gate("press")
        wait_for_end()
    assert [made.press for made in presses].count(Press.CREATED) == 1
    assert {made.press for made in while_being_sent} == {Press.BEING_SENT}
    assert {made.delivery for made in [*presses, *while_being_sent]} == {Delivery.objects.get()}
    assert len(oracle.received()) == 1
    compare(oracle)


@in_each_mode
def test_one_that_hangs_with_a_backlog_keeps_the_others_no_longer(oracle, tmp_path, senders: Senders):
    """Fault 13: the others' p95 from publication to receipt less than doubles; what is very quick has room beside that,
    for a busy machine. Ten thousand of them are measured by `make soak`."""
    product = make_product()
    make_webhooks([oracle.url(f"/ok/w{number}") for number in range(HEALTHY)], product=product)
    dead = make_webhook(request_uri=oracle.url("/gate/dead"), max_attempts=1)
    with senders.start(tmp_path):
        senders.wait_until_alive()
        publish_file(product)
        oracle.wait_for(HEALTHY)
        before = p95_of_receipts(oracle, product)
        add_backlog(dead, 500)
        oracle.wait_for(1, target="/gate/dead")
        beside = p95_of_receipts(oracle, product)
        oracle.open_gate("dead")
        wait_for_end(within=40)
    assert beside < max(2 * before, 0.5)
    compare(oracle)


@in_each_mode
def test_a_clock_that_is_stepped_an_hour_makes_neither_a_storm_nor_a_stop(
    oracle, tmp_path, senders: Senders, settings: Any
):
    """Fault 15: forward with retries waiting, then back. Everybody's clock is the database's, so all see the step."""
    stubborn, product = make_product(), make_product()
    over = {"retry_interval_seconds": INTERVAL, "max_attempts": 5}
    make_webhooks([oracle.url(f"/fail-then-ok/1/w{number}") for number in range(5)], product=stubborn, **over)
    make_webhook(request_uri=oracle.url("/ok"), products=[product])
    for number, step in enumerate((0, HOUR, 0)):
        settings.PORTAL_TEST_CLOCK_OFFSET_SECONDS = step
        with senders.start(tmp_path, 1, **{OFFSET: str(step)}):
            if not number:
                publish_file(stubborn)
            publish_file(product, b"%d\n" % number)
            oracle.wait_for(number + 1, target="/ok", within=20)
            if number:
                wait_for_end()
            else:
                wait_until(lambda: Attempt.objects.filter(status=500).count() == 5, what="five failures")
    assert len(oracle.received()) == 5 * 2 + 3
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    compare(oracle)


@in_each_mode
def test_an_old_release_and_a_new_one_side_by_side_lose_nothing(oracle, tmp_path, senders: Senders):
    """Fault 16: the new one starts, then the old one is told to stop, amid slow deliveries."""
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one dispatcher works: the new one starts when the old one has stopped")
    publish_to(oracle, *(f"/slow/0.3/w{number}" for number in range(200)))
    with senders.start(tmp_path, 1) as [old]:
        oracle.wait_for(10)
        with senders.start(tmp_path, 1, PORTAL_DISPATCH_BATCH="32", PORTAL_DISPATCH_CONCURRENCY="16"):
            oracle.wait_for(60, within=20)
            old.terminate()
            assert old.wait(15) == 0
            wait_for_end()
    assert len(oracle.received()) == 200
    compare(oracle)


@in_each_mode
def test_poison_fails_alone_with_a_reason_whoever_sends(oracle, tmp_path, senders: Senders):
    """Fault 17: an unreadable secret, one that is gone, and an event that makes no body; the rest flows."""
    [stolen, gone, broken, *_healthy] = publish_to(oracle, *(f"/ok/w{number}" for number in range(23)))
    other = make_webhook()
    Webhook.objects.filter(pk=stolen.pk).update(
        signing_secret=Webhook.objects.values_list("signing_secret", flat=True).get(pk=other.pk)
    )
    Webhook.objects.filter(pk=gone.pk).update(auth_method="secret")
    bad = make_event(payload="not json")
    broken.product_subscriptions.create(product=bad.publication.product)
    Delivery.objects.filter(webhook=broken).update(event=bad)
    with senders.start(tmp_path):
        wait_for_end()
    ends = {row.webhook_id: (row.state, row.reason, row.last_diagnosis) for row in Delivery.objects.all()}
    poisoned = [ends.pop(webhook.pk) for webhook in (stolen, gone, broken)]
    assert poisoned == [
        ("failed", "configuration", "secret_unreadable"),
        ("failed", "configuration", "auth_incomplete"),
        ("failed", "configuration", "content_not_renderable"),
    ]
    assert list(ends.values()) == [("delivered", "", "")] * 20
    assert len(oracle.received()) == 20
    compare(oracle)


@in_each_mode
def test_a_database_that_takes_nothing_for_a_while_costs_nothing_but_time(oracle, tmp_path, senders: Senders):
    """Fault 14: it turns read-only amid a batch. What is answered meanwhile is written down afterwards, once."""
    if connection.vendor != "postgresql":
        pytest.skip("a file that a process has open for writing stays so: tests/portal/test_unavailable.py")
    with senders.start(tmp_path) as running:
        senders.wait_until_alive()
        publish_to(oracle, *(f"/slow/0.7/w{number}" for number in range(60)))
        oracle.wait_for(20)
        with read_only():
            time.sleep(2)
        wait_for_end()
        assert all(process.poll() is None for process in running)
    assert Delivery.objects.filter(state="delivered").count() == 60
    assert len(oracle.received()) == 60
    compare(oracle)


@contextmanager
def read_only() -> Iterator[None]:
    """Whoever connects to the test's database may only read, and everybody connects anew."""
    name = connection.settings_dict["NAME"]
    connection.close()
    with psycopg.connect(f"{database_url().rpartition('/')[0]}/postgres", autocommit=True) as server:
        for state in ("on", "off"):
            server.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {state}')
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            if state == "on":
                yield
