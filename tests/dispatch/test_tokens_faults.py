"""Fault 11 with real processes: tokens beside kills, hanging endpoints, revocations and changes, in each running mode.

The oracle is token endpoint (/issue) and receiver (/bearer) at once, and knows nothing of the portal.
"""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from connections.models import Connection
from dispatch import failpoints
from dispatch.models import Attempt, Delivery
from tests.dispatch.hanging import HEALTHY, p95_of_receipts
from tests.dispatch.hanging import healthy as healthy_requests
from tests.dispatch.issuing import change_secret, make_source, use
from tests.dispatch.running import AFTER_THE_LEASE, NUMBERS, Senders, compare, in_each_mode, publish_file, wait_for_end
from tests.factories import make_product, make_webhooks
from tests.processes import Oracle, header, wait_until
from webhooks.models import Webhook

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
DEADLINE = int(NUMBERS["PORTAL_OUTBOUND_DEADLINE_SECONDS"])


def with_tokens(oracle: Oracle, count: int, *, issuer: Oracle | None = None, **over: Any) -> tuple[Any, Connection]:
    """A product with webhooks that take the tokens named "one" only, and the one connection that they share."""
    product = make_product()
    urls = [oracle.url(f"/bearer/one/w{number}") for number in range(count)]
    webhooks = make_webhooks(urls, product=product, **over)
    source = make_source((issuer or oracle).url("/issue/one"), webhooks[0])
    use(source, *webhooks)
    return product, source


def token_requests(oracle: Oracle) -> list[dict[str, Any]]:
    return oracle.received("/issue/one")


def ends() -> list[tuple[Any, ...]]:
    shown = Attempt.objects.exclude(outcome="handed_back").order_by("number")
    return list(shown.values_list("outcome", "status", "counted"))


@in_each_mode
def test_a_thousand_deliveries_at_once_on_a_cold_cache_ask_for_one_token(oracle, tmp_path, senders: Senders):
    """Fault 11: two dispatchers or workers, one request; who waits for it loses no attempt."""
    product, _source = with_tokens(oracle, 1_000)
    oracle.issue("one", delay=0.5)
    publish_file(product)
    assert Delivery.objects.count() == 1_000
    with senders.start(tmp_path):
        wait_for_end(within=90)
    assert len(token_requests(oracle)) == 1
    assert Delivery.objects.filter(state="delivered", counted_attempts=1).count() == 1_000
    assert not Attempt.objects.exclude(outcome__in=("answered", "handed_back")).exists()
    compare(oracle)


# What is written down in the end, by the line at which the sender died: the first token is a revoked one.
LOST, REFUSED, REPEATED = ("unknown", None, False), ("answered", 401, True), ("answered", 200, False)
AFTER_A_KILL = {
    failpoints.BEFORE_TOKEN: [LOST, REFUSED, REPEATED],
    failpoints.TOKEN_KEPT: [LOST, REFUSED, REPEATED],
    failpoints.TOKEN_DROPPED: [LOST, ("answered", 200, True)],
    failpoints.REPEAT_DUE: [REFUSED, REPEATED],
    failpoints.BEFORE_REPEAT: [REFUSED, LOST, REPEATED],
    failpoints.REPEAT_ANSWERED: [REFUSED, LOST, REPEATED],
}


@in_each_mode
@pytest.mark.parametrize("line", AFTER_A_KILL)
def test_killed_at_any_line_of_a_token_or_a_repeat_nothing_is_lost_and_nothing_loops(
    oracle, tmp_path, senders: Senders, line: str
):
    """Faults 1 to 3 for tokens: one repeat, never counted, whoever makes it."""
    product, _source = with_tokens(oracle, 1, max_attempts=2)
    oracle.revoke("one", 1)
    publish_file(product)
    with senders.start(tmp_path, 1, PORTAL_TEST_FAILPOINT=line) as [process]:
        wait_until(lambda: process.poll() == -signal.SIGKILL, within=20, what="the sender to die")
    with senders.start(tmp_path, 1, **AFTER_THE_LEASE):
        wait_for_end()
    assert ends() == AFTER_A_KILL[line]
    assert Delivery.objects.get().counted_attempts == 1
    assert len(token_requests(oracle)) == 2
    compare(oracle, kills=1)


@in_each_mode
def test_token_endpoints_that_hang_keep_the_others_no_longer(oracle, tmp_path, senders: Senders):
    """Faults 11 and 13: twenty connections whose endpoint hangs, much due for each, beside webhooks that send with a
    token of another endpoint."""
    second = tmp_path / "second"
    second.mkdir()
    with Oracle(second) as hanging:
        hanging.issue("one", hang=True)
        healthy = make_product()
        webhooks = make_webhooks([oracle.url(f"/ok/w{number}") for number in range(HEALTHY)], product=healthy)
        use(make_source(oracle.url("/issue/one"), webhooks[0]), *webhooks)
        products = [with_tokens(oracle, 1, issuer=hanging, max_attempts=1)[0] for _ in range(20)]
        with senders.start(tmp_path):
            senders.wait_until_alive()
            publish_file(healthy)
            wait_until(lambda: len(healthy_requests(oracle)) >= HEALTHY, what="the healthy ones")
            before = p95_of_receipts(oracle, healthy)
            for product in products:
                for number in range(5):
                    publish_file(product, b"%d\n" % number)
            hanging.wait_for(1)
            beside = p95_of_receipts(oracle, healthy)
            wait_for_end(within=60)
    assert beside < max(2 * before, 0.5)
    failed = Delivery.objects.exclude(state="delivered")
    assert set(failed.values_list("state", "last_diagnosis")) == {("failed", "token_timeout")}
    assert failed.count() == 100
    assert oracle.received("/bearer/one/w0") == []
    compare(oracle)


@in_each_mode
def test_told_to_stop_while_a_token_endpoint_hangs_a_sender_hands_back_and_ends_in_time(
    oracle, tmp_path, senders: Senders
):
    """Fault 16: SIGTERM is not waited for longer than the deadlines, and nothing is lost."""
    product, _source = with_tokens(oracle, 50)
    oracle.issue("one", hang=True)
    publish_file(product)
    with senders.start(tmp_path, 1) as [process]:
        oracle.wait_for(1)
        begun = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        # The deadlines, what writing down may take, and the end of a process on a busy machine.
        assert time.monotonic() - begun < DEADLINE + 10
    assert not Attempt.objects.filter(outcome="").exists()
    assert not Delivery.objects.filter(lease_token__isnull=False).exists()
    assert Delivery.objects.filter(state="waiting", counted_attempts=0).count() == 50
    oracle.issue("one")
    # The failure is remembered for some seconds, and the right to fetch was not given back if the end came first.
    with senders.start(tmp_path, **AFTER_THE_LEASE):
        wait_for_end()
    assert Delivery.objects.filter(state="delivered", counted_attempts=1).count() == 50
    compare(oracle)


@in_each_mode
def test_a_token_revoked_amid_a_run_is_replaced_once_and_costs_nobody_an_attempt(oracle, tmp_path, senders: Senders):
    """Fault 11: all who used it are repeated with one fresh token."""
    product, _source = with_tokens(oracle, 100, max_attempts=2)
    with senders.start(tmp_path):
        senders.wait_until_alive()
        publish_file(product)
        oracle.wait_for(31)
        oracle.revoke("one", 1)
        for number in range(3):
            publish_file(product, b"%d\n" % number)
        wait_for_end(within=60)
    assert set(Delivery.objects.values_list("state", "counted_attempts")) == {("delivered", 1)}
    assert Delivery.objects.count() == 400
    assert len(token_requests(oracle)) == 2
    refused = Attempt.objects.filter(status=401, counted=True).count()
    repeated = Attempt.objects.filter(status=200, counted=False).count()
    assert 1 <= refused == repeated
    assert not Attempt.objects.filter(status=401, counted=False).exists()
    compare(oracle)


@in_each_mode
def test_changed_credentials_are_used_by_the_next_attempt_without_a_restart(oracle, tmp_path, senders: Senders):
    product, source = with_tokens(oracle, 20, max_attempts=1)
    with senders.start(tmp_path) as running:
        senders.wait_until_alive()
        publish_file(product)
        wait_for_end()
        change_secret(source, "another-client-secret")
        publish_file(product, b"second\n")
        wait_for_end()
        assert all(process.poll() is None for process in running)
    first, second = (header(request, "authorization") for request in token_requests(oracle))
    assert first != second
    assert Delivery.objects.filter(state="delivered").count() == 40
    used = [header(request, "authorization") or "" for request in oracle.received() if "/bearer/" in request["target"]]
    assert all("one-1-" in each for each in used[:20])
    assert all("one-2-" in each for each in used[20:])
    compare(oracle)


@in_each_mode
def test_a_token_endpoint_that_is_down_for_a_while_costs_attempts_and_nothing_else(
    oracle, tmp_path: Path, senders: Senders
):
    """Fault 11: refusals are told, retried by the webhook's rule, and asked about once for all."""
    product, _source = with_tokens(oracle, 30, max_attempts=2, retry_interval_seconds=60)
    oracle.issue("one", status=503, answer="down")
    with senders.start(tmp_path, 1):
        publish_file(product)
        wait_until(
            lambda: Delivery.objects.filter(last_diagnosis="token_server_error").count() == 30, within=20, what="all 30"
        )
    assert len(token_requests(oracle)) <= 2
    oracle.issue("one")
    with senders.start(tmp_path, 1, PORTAL_TEST_CLOCK_OFFSET_SECONDS="90"):
        wait_for_end()
    assert Delivery.objects.filter(state="delivered", counted_attempts=2).count() == 30
    assert Webhook.objects.filter(stopped_at__isnull=True).count() == 30
    compare(oracle)
