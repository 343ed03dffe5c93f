"""A participant is erased while real senders work: nothing of it goes out afterwards, and nobody else notices."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from access.actions import request_erasure
from access.actors import Actor
from access.models import Erasure
from dispatch.models import Attempt, Delivery, Lane
from portal import erasing
from tests.at_once import at_once
from tests.dispatch.running import Senders, publish_file, received_by_id, wait_for_end
from tests.factories import make_participant, make_product, make_webhook, make_webhooks
from tests.processes import Oracle
from webhooks.models import Webhook

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
BY = Actor.system("test")


def test_it_goes_while_notifications_go_out_and_nobody_else_notices(
    oracle: Oracle, tmp_path: Path, senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "QUIET", timedelta(seconds=1))
    product, condemned = make_product(), make_participant()
    make_webhooks([oracle.url("/ok") for _ in range(20)], product=product, participant=condemned)
    make_webhook(request_uri=oracle.url("/gate/one"), products=[product], participant=condemned)
    others = make_webhooks([oracle.url("/ok") for _ in range(20)], product=product, participant=make_participant())
    with senders.start(tmp_path):
        for number in range(5):
            publish_file(product, b"before %d" % number)
        erasure = request_erasure(condemned, reason="contract 12", by=BY)
        for number in range(5):
            publish_file(product, b"after %d" % number)
        deadline = time.monotonic() + 60
        while not erasing.carry_on(erasure, ends_at=time.monotonic() + 0.2):
            assert time.monotonic() < deadline
            if (timezone.now() - erasure.requested_at).total_seconds() > 2:
                # One was in flight: its result is taken, and then it goes with the others.
                oracle.open_gate("one")
            time.sleep(0.05)
        publish_file(product, b"at the end")
        wait_for_end()
        received = len(received_by_id(oracle))
    assert set(Webhook.objects.all()) == set(others)
    assert set(Lane.objects.values_list("webhook", flat=True)) == {webhook.pk for webhook in others}
    assert set(Delivery.objects.values_list("webhook", flat=True)) == {webhook.pk for webhook in others}
    assert Delivery.objects.filter(state="delivered").count() == 11 * 20
    assert Attempt.objects.exclude(webhook__in=others).count() == 0
    # What the condemned got before the block, and at most what was in flight then.
    assert received <= 11 * 20 + 5 * 21


def test_two_runs_and_the_job_at_once_leave_the_same_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "QUIET", timedelta(0))
    monkeypatch.setattr("dispatch.erasing.CHUNK", 3)
    condemned, product = make_participant(), make_product()
    for _ in range(4):
        make_webhook(products=[product], participant=condemned)
    for number in range(5):
        publish_file(product, b"version %d" % number)
    erasure = request_erasure(condemned, reason="contract 12", by=BY)

    def run() -> bool:
        return erasing.carry_on(erasure, ends_at=time.monotonic() + 30)

    at_once([run, run, erasing.erase_all])
    after = Erasure.objects.get()
    assert after.finished_at
    assert (after.removed["notifications"], after.removed["webhooks"], after.removed["name"]) == (20, 4, 1)
    assert not Webhook.objects.exists()
