"""The loop itself: a database that is away, an end, slots that don't wait, embargoes to the second."""

import time
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from access.actors import Actor
from dispatch import claims, clock, lanes
from dispatch.actions import announce
from dispatch.claims import claim_due
from dispatch.dispatcher import SLOT_TOLERANCE_SECONDS
from dispatch.models import Attempt, Delivery, Lane
from tests.factories import make_delivery, make_publication, make_webhook
from tests.plans import count_rows_read
from tests.receiver import Answer, Call

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def test_answers_are_listened_to_while_the_database_is_away(webhook, product, receiver, dispatcher, monkeypatch):
    """Fault 5: the answer comes in during the pause, and is written once the database is back."""
    announce(make_publication(product), by=BY)
    monkeypatch.setattr("dispatch.dispatcher.connection", Mock())
    while not dispatcher.pool.in_flight:
        dispatcher._refill()
        dispatcher._start_queued()
    dispatcher.pause = 0.8
    dispatcher._recover(OperationalError("away"))
    while time.monotonic() < dispatcher.paused_until:
        dispatcher.step()
    assert [finished.result.status for finished in dispatcher.done] == [200]
    assert Delivery.objects.get().state == "waiting"
    while dispatcher.done:
        dispatcher.step()
    assert Delivery.objects.get().state == "delivered"


def test_at_the_end_what_was_not_started_is_handed_back_before_the_rest_has_ended(
    webhook, product, receiver, dispatcher
):
    """Fault 16: the other dispatchers take it now, not when our slowest receiver has answered."""
    seen = []
    claimed = [make_delivery(webhook=webhook).pk for _ in range(2)]
    rows = claim_due(10).rows
    receiver.answer("/hook", Call(lambda request: time.sleep(1) or Answer(200)))
    dispatcher._start(rows[0], time.monotonic())
    dispatcher.queue.append((rows[1], time.monotonic()))
    collect = dispatcher._collect

    def looking(seconds):
        seen.append((dispatcher.pool.in_flight, Delivery.objects.get(pk=claimed[1]).lease_token))
        collect(seconds)

    dispatcher._collect = looking
    dispatcher._finish()
    assert seen[0] == (1, None)


def test_nothing_is_sent_that_its_lease_no_longer_covers(settings, webhook, receiver, dispatcher):
    """What waited here too long may be another's by the time its answer comes: it is handed back, unsent, uncounted."""
    make_delivery(webhook=webhook)
    [row] = claim_due(10).rows
    needed = settings.PORTAL_OUTBOUND_DEADLINE_SECONDS
    dispatcher._start(row, time.monotonic() - settings.PORTAL_DISPATCH_LEASE_SECONDS + needed)
    dispatcher._finish()
    attempt, delivery = Attempt.objects.get(), Delivery.objects.get()
    assert (attempt.outcome, attempt.counted) == ("handed_back", False)
    assert (delivery.state, delivery.lease_token, delivery.counted_attempts) == ("waiting", None, 0)
    assert receiver.requests() == []


def test_a_slow_claim_does_not_use_up_the_slots_of_a_rate_limit(product, receiver, loopback, work, monkeypatch):
    """CERC-15: a slot is booked at the end of the claim, or a busy database would hand it back for ever."""
    make_webhook(
        request_uri=receiver.url("/hook"), products=[product], rate_limit_count=5, rate_limit_period_seconds=60
    )
    announce(make_publication(product), by=BY)
    honest = claims.close_lost_attempts
    monkeypatch.setattr(claims, "close_lost_attempts", lambda *taken: time.sleep(0.1) or honest(*taken))
    work()
    assert Delivery.objects.get().state == "delivered"
    assert Attempt.objects.count() == 1


def test_a_request_that_would_start_after_its_slot_is_handed_back(receiver, loopback, dispatcher):
    """CERC-15: late, it could meet the next window's requests at the receiver."""
    make_delivery(
        webhook=make_webhook(request_uri=receiver.url("/hook"), rate_limit_count=5, rate_limit_period_seconds=60)
    )
    [row] = claim_due(10).rows
    late = replace(row, booked_at=row.booked_at - 1.1 * SLOT_TOLERANCE_SECONDS)
    dispatcher._start(late, time.monotonic())
    dispatcher._finish()
    assert Attempt.objects.get().outcome == "handed_back"
    assert receiver.requests() == []


def test_no_slots_are_booked_that_nobody_is_free_to_use(db):
    limited, other = make_webhook(rate_limit_count=5, rate_limit_period_seconds=60), make_webhook()
    for webhook in (limited, other):
        for _ in range(3):
            make_delivery(webhook=webhook)
    rows = claim_due(10, room=1).rows
    assert sorted(row.webhook_id for row in rows) == [limited.pk, *[other.pk] * 3]


def test_small_batches_pass_over_no_webhook(db, settings, monkeypatch):
    """Found and given no row, a webhook would be passed over turn after turn."""
    monkeypatch.setattr(lanes, "LANES_PER_CLAIM", 4)
    webhooks = [make_webhook() for _ in range(8)]
    for webhook in webhooks:
        for _ in range(4):
            make_delivery(webhook=webhook)
    served, after = set(), 0
    for _ in range(4):
        claim = claim_due(2, after=after)
        served |= {row.webhook_id for row in claim.rows}
        after = claim.last_webhook
    assert served == {webhook.pk for webhook in webhooks}


def test_an_embargo_ends_at_its_time_and_not_at_the_next_poll(webhook, product, receiver, dispatcher):
    """Within a second of its time, whenever in that second the loop last looked."""
    dispatcher.step()
    due = timezone.now() + timedelta(seconds=0.3)
    make_publication(product, published_at=None, publish_at=due)
    dispatcher.next_poll = 0.0
    while not receiver.requests():
        dispatcher.step()
        assert timezone.now() < due + timedelta(seconds=5)
    assert Delivery.objects.get().created_at - due < timedelta(seconds=0.4)


@pytest.fixture(params=[0, 20_000], ids=["tidy", "bloated"])
def much_due(db, request) -> None:
    """Three webhooks with 500 due each, in tables that hold nothing else, or the remains of so many undone rows."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE dispatch_delivery CASCADE")
    for undone, wanted in ((True, request.param), (False, 500), (False, 500), (False, 500)):
        place = transaction.savepoint()
        first = make_delivery()
        row = {name: getattr(first, name) for name in ("event", "webhook", "created_at", "due_at")}
        Delivery.objects.bulk_create(
            (Delivery(**row, cause="reenviar", urgent=undone, subject=f"s:{n}") for n in range(wanted)), batch_size=1000
        )
        if undone:
            transaction.savepoint_rollback(place)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_delivery")


def count_read_by_a_look() -> int:
    """The most rows of deliveries that any step of one look reads, which is told to read 128."""
    moment, params = clock.sql_now()
    look = lanes.LOOK.format(now=moment)
    return max(count_rows_read("dispatch_delivery", look, [*params, 64, 128, 0, 128, 128, 128, 4, 4]))


# The plan is PostgreSQL's.
@pytest.mark.postgres
@pytest.mark.parametrize("distrusting", [True, False])
def test_one_look_reads_no_more_than_it_is_told_to(much_due, distrusting):
    """Much due, or nothing urgent among it: a limited number of rows is read to learn either."""
    if distrusting:
        with connection.cursor() as cursor:
            cursor.execute(lanes.PLAN_BY_INDEX)
    assert count_read_by_a_look() == 128


@pytest.mark.postgres
def test_a_look_that_sorts_all_that_is_due_is_seen_to_read_it(much_due):
    """What the test above would say of a plan that goes by no index."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_indexonlyscan = off")
    assert count_read_by_a_look() > 1500


def test_what_is_due_is_found_among_thousands_that_are_not(db, monkeypatch, settings):
    """A look sees a part of the webhooks when much is due that can't be sent; the next ones see the rest."""
    monkeypatch.setattr(lanes, "LOOK_ROWS", 5)
    monkeypatch.setattr(lanes, "LOOK_WEBHOOKS", 3)
    settings.PORTAL_DISPATCH_LANE_CAP = 1
    busy = make_webhook()
    for _ in range(7):
        make_delivery(webhook=busy)
    assert len(claim_due(10).rows) == 1
    for _ in range(9):
        make_delivery(due_at=timezone.now() + timedelta(hours=1))
    found = make_delivery()
    claim = claim_due(10)
    looks = 1
    while not claim.rows:
        assert not claim.complete
        claim = claim_due(10, after=claim.last_webhook)
        looks += 1
    assert [row.delivery_id for row in claim.rows] == [found.pk]
    assert looks == 4


def test_webhooks_that_keep_failing_leave_most_of_the_pool_to_the_others(db, settings, dispatcher):
    """Fault 13: sixteen that hang, four requests each, would fill a pool of 64 for a whole deadline."""
    settings.PORTAL_DISPATCH_CONCURRENCY = 8
    failing = [make_webhook() for _ in range(6)]
    for webhook in failing:
        for _ in range(3):
            make_delivery(webhook=webhook)
    Lane.objects.filter(webhook__in=failing).update(failures_in_row=lanes.FAILING_AFTER, failing_since=timezone.now())
    well = make_delivery()
    dispatcher._refill()
    claimed = [row.webhook_id for row, _at in dispatcher.queue]
    assert well.webhook_id in claimed
    assert len(claimed) == 3
    assert len(set(claimed)) == 3
    dispatcher._refill()
    assert len(dispatcher.queue) == 3
    dispatcher._finish()
    dispatcher.wake()
    dispatcher._refill()
    assert len(dispatcher.queue) == 3
