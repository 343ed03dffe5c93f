"""Celery drains with real workers, beats and brokers (delivery.md, "Who sends, who wakes"; faults 1, 4, 6 and 16)."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from access.actors import Actor
from dispatch.actions import publish
from tests.dispatch.running import Senders, compare, wait_for_end
from tests.factories import make_product, make_webhooks
from tests.processes import Oracle

pytestmark = [
    pytest.mark.process,
    pytest.mark.celery,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(120),
]
BY = Actor.system("test")


@pytest.fixture
def oracle(tmp_path: Path, loopback: None) -> Iterator[Oracle]:
    with Oracle(tmp_path) as running:
        yield running


def publish_to(oracle: Oracle, *paths: str, **over: Any) -> Any:
    product = make_product()
    make_webhooks([oracle.url(path) for path in paths], product=product, **over)
    return publish(product, period="2020-08-15", upload=ContentFile(b"hour;price\n", "data.csv"), by=BY)


def test_a_publication_is_received_within_a_second(oracle, tmp_path, senders: Senders):
    with senders.start(tmp_path):
        senders.wait_until_alive()
        publish_to(oracle, "/ok")
        published = time.time()
        [request] = oracle.wait_for(1)
        wait_for_end()
    assert request["at"] - published < 1
    compare(oracle)
