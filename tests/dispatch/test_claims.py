"""Claims: fair, within caps and rates, leased, and honest about lost workers."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.actors import Actor
from dispatch import lanes
from dispatch.actions import publish
from dispatch.claims import claim_due
from dispatch.models import Attempt, Delivery
from dispatch.records import Finished, record_results, release
from outbound.transfer import Result
from tests.factories import make_delivery, make_event, make_webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def backlog(webhook, count):
    return [make_delivery(webhook=webhook, event=make_event()) for _ in range(count)]


def answered(claimed, status=200):
    return Finished(claimed, Result(status=status), [])


def test_a_claim_leases_renders_and_writes_the_attempt_before_anything_is_sent(webhook, product, settings):
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    before = timezone.now()
    [claimed] = claim_due(10).rows
    delivery = Delivery.objects.get()
    assert delivery.lease_token == claimed.lease_token
    lease = timedelta(seconds=settings.PORTAL_DISPATCH_LEASE_SECONDS)
    assert before + lease <= delivery.due_at <= timezone.now() + lease
    assert bytes(delivery.body) == claimed.message.body
    assert delivery.body_format == "documented"
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.number, attempt.webhook_version_id) == ("", 1, webhook.current_version_id)
    assert claim_due(10).rows == []


def test_many_webhooks_share_a_claim_and_the_next_one_goes_on_behind(db, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 4
    crowded, *others = [make_webhook() for _ in range(4)]
    backlog(crowded, 8)
    for webhook in others:
        backlog(webhook, 1)
    claimed = [row.webhook_id for row in claim_due(5).rows]
    assert sorted(claimed) == sorted([crowded.pk, crowded.pk, *(webhook.pk for webhook in others)])


def test_no_more_in_flight_than_the_lane_allows(db, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 2
    webhook = make_webhook()
    backlog(webhook, 5)
    first = claim_due(10).rows
    assert len(first) == 2
    assert claim_due(10).rows == []
    record_results([answered(first[0])])
    assert len(claim_due(10).rows) == 1


def test_a_rate_limit_books_slots_and_closes_the_lane(db, later):
    """CERC-15: at most n starts in any window of the period; the rest waits, nothing is lost."""
    webhook = make_webhook(rate_limit_count=3, rate_limit_period_seconds=60)
    backlog(webhook, 8)
    assert len(claim_due(10).rows) == 3
    Delivery.objects.filter(lease_token__isnull=False).update(
        lease_token=None, state="delivered", due_at=None, finished_at=timezone.now()
    )
    assert claim_due(10).rows == []
    later(59)
    assert claim_due(10).rows == []
    later(1.2)
    assert len(claim_due(10).rows) == 3


def test_a_slot_falls_free_a_moment_after_its_period_and_not_before(db):
    """CERC-15: the receiver's window begins when the request arrives there, which may be a little late."""
    make_delivery()
    [claimed] = claim_due(1).rows
    rate = lanes.RateLimit(1, 60)
    free = [
        lanes.count_free_slots(claimed.webhook_id, rate, claimed.started_at + timedelta(seconds=60, milliseconds=late))
        for late in (-1, 1, 49, 51)
    ]
    assert free == [0, 0, 0, 1]


def test_an_expired_lease_is_claimed_again_and_its_attempt_is_unknown(webhook, product, settings, later):
    """Faults 1 and 3: the same id, the same bytes, the lost attempt not counted."""
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    [lost] = claim_due(10).rows
    later(settings.PORTAL_DISPATCH_LEASE_SECONDS + 1)
    [again] = claim_due(10).rows
    assert again.message.message_id == lost.message.message_id
    assert again.message.body == lost.message.body
    assert (again.number, again.counted_attempts) == (2, 0)
    first = Attempt.objects.get(number=1)
    assert (first.outcome, first.counted, first.diagnosis) == ("unknown", False, "worker_lost")


def test_a_result_that_comes_after_its_lease_is_left_out(webhook, product, settings, later):
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    [lost] = claim_due(10).rows
    later(settings.PORTAL_DISPATCH_LEASE_SECONDS + 1)
    [again] = claim_due(10).rows
    assert record_results([answered(lost, 500)]) == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.lease_token, delivery.counted_attempts) == ("waiting", again.lease_token, 0)
    assert Attempt.objects.get(number=1).outcome == "unknown"
    assert record_results([answered(again)]) == 1
    assert Delivery.objects.get().state == "delivered"
    assert record_results([answered(again)]) == 0


def test_three_lost_workers_in_a_row_end_the_delivery(webhook, product, settings, later):
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    for _ in range(3):
        assert len(claim_due(10).rows) == 1
        later(settings.PORTAL_DISPATCH_LEASE_SECONDS + 1)
    assert claim_due(10).rows == []
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason, delivery.counted_attempts) == ("failed", "lost_worker", 0)
    assert list(Attempt.objects.values_list("outcome", "counted")) == [("unknown", False)] * 3


def test_a_recorded_attempt_breaks_the_row_of_unknown_ones(webhook, product, settings, later):
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    for _ in range(2):
        claim_due(10)
        later(settings.PORTAL_DISPATCH_LEASE_SECONDS + 1)
    record_results([answered(claim_due(10).rows[0], 500)])
    assert Delivery.objects.get().unknown_in_row == 0


def test_what_was_never_started_is_handed_back_uncounted_and_due_at_once(webhook, product):
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    release(claim_due(10).rows)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.lease_token, delivery.counted_attempts) == ("waiting", None, 0)
    assert Attempt.objects.get().outcome == "handed_back"
    [again] = claim_due(10).rows
    assert again.counted_attempts == 0


# SQLite has no arrays and no lateral joins: a claim asks once for each webhook there.
@pytest.mark.postgres
def test_a_claim_costs_the_same_number_of_queries_for_one_row_and_for_many(db, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 50
    counts = []
    for webhooks in (1, 10):
        for _ in range(webhooks):
            backlog(make_webhook(), 3)
        with CaptureQueriesContext(connection) as queries:
            claim_due(100)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_dead_webhooks_backlog_does_not_keep_others_waiting(db, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 2
    dead, alive = make_webhook(), make_webhook()
    backlog(dead, 20)
    claim_due(10)
    backlog(alive, 1)
    assert [row.webhook_id for row in claim_due(10).rows] == [alive.pk]


def test_statuses_of_a_product_follow_the_newest_delivery(webhook, product):
    """ONS-15."""
    from dispatch.models import ProductStatus

    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    [older] = claim_due(10).rows
    publish(product, period="2020-08-16", upload=ContentFile(b"y", "y.csv"), by=BY)
    [newer] = claim_due(10).rows
    record_results([answered(newer, 200)])
    record_results([answered(older, 500)])
    status = ProductStatus.objects.get()
    assert (status.delivery_id, status.state) == (newer.delivery_id, "delivered")


def test_a_result_that_the_database_refuses_is_written_without_its_texts(db, webhook, product, dispatcher, monkeypatch):
    """Others in the same batch are written whole."""
    from dispatch import records

    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    make_delivery(webhook=webhook)
    first, second = claim_due(10).rows
    honest = records._attempt_values

    def refusing(row, now):
        if row.finished.result.body == b"refused":
            raise ValueError("as if the database had refused it")
        return honest(row, now)

    monkeypatch.setattr(records, "_attempt_values", refusing)
    dispatcher.done = [
        Finished(first, Result(status=200, body=b"refused"), []),
        Finished(second, Result(status=200, body=b"kept"), []),
    ]
    dispatcher._record()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert sorted(Attempt.objects.values_list("response_body", flat=True)) == ["", "kept"]


def test_a_cancelled_newest_delivery_gives_the_status_back_to_the_one_before(webhook, product, later):
    """ONS-15: the newest one that was not cancelled, whether a person or a claim cancelled it."""
    from dispatch.actions import withdraw
    from dispatch.models import ProductStatus

    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    record_results([answered(claim_due(10).rows[0])])
    newest = publish(product, period="2020-08-16", upload=ContentFile(b"y", "y.csv"), by=BY).publication
    Delivery.objects.filter(event__publication=newest).update(lease_token="00000000-0000-4000-8000-000000000000")
    withdraw(newest, reason="wrong", by=BY)
    assert ProductStatus.objects.get().state == "waiting"
    assert claim_due(10).rows == []
    status = ProductStatus.objects.get()
    assert (status.state, status.delivery.event.publication.period) == ("delivered", "2020-08-15")


def test_an_error_of_ours_while_rendering_is_tried_again_and_keeps_nobody_else_waiting(
    webhook, product, work, receiver, later, monkeypatch
):
    from dispatch import rendering

    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    honest = rendering.render
    monkeypatch.setattr(rendering, "render", lambda *_: 1 / 0)
    work()
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.counted_attempts, waiting.last_diagnosis) == ("waiting", 1, "content_not_renderable")
    assert Attempt.objects.get().outcome == "not_sent"
    monkeypatch.setattr(rendering, "render", honest)
    later(301)
    work()
    assert Delivery.objects.get().state == "delivered"
    assert len(receiver.requests()) == 1
