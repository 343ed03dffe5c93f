"""CERC-15 at the receiver: a burst goes through in as many windows as it needs, and no window holds too many, with two
processes that send wherever a running mode allows two."""

import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from access.actors import Actor
from dispatch.actions import publish
from dispatch.models import Delivery
from tests.dispatch.running import Senders, compare, in_each_mode, wait_for_end
from tests.factories import make_product, make_webhook
from tests.processes import Oracle

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

LIMIT = 8
PERIOD_SECONDS = 1
TOLERANCE_SECONDS = 0.02


@in_each_mode
def test_no_window_holds_more_than_the_limit_whatever_comes_at_once(
    tmp_path: Path, loopback: None, senders: Senders
) -> None:
    products = [make_product() for _number in range(5 * LIMIT)]
    with Oracle(tmp_path) as oracle:
        make_webhook(
            request_uri=oracle.url("/ok"),
            products=products,
            rate_limit_count=LIMIT,
            rate_limit_period_seconds=PERIOD_SECONDS,
        )
        with senders.start(tmp_path):
            senders.wait_until_alive()
            for product in products:
                publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=Actor.system("test"))
            started = time.monotonic()
            wait_for_end(within=40)
            took = time.monotonic() - started
        moments = sorted(request["at"] for request in oracle.received())
        compare(oracle)
    assert len(moments) == 5 * LIMIT
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    # The one that comes n places later is in the next window.
    gaps = [after - before for before, after in zip(moments, moments[LIMIT:], strict=False)]
    assert min(gaps) >= PERIOD_SECONDS - TOLERANCE_SECONDS
    # Delayed and not stopped: no more than a poll is lost beside each window.
    assert took < 5 * (PERIOD_SECONDS + 2.0) + 5
