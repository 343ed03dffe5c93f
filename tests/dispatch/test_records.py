"""What a record of results writes, tells and locks."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from dispatch import bulk
from dispatch.claims import claim_due
from dispatch.models import Attempt, Delivery, Lane
from dispatch.news import Ended
from dispatch.records import Finished, record_results
from dispatch.signals import deliveries_finished
from outbound.transfer import Result
from tests.factories import make_delivery, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def news():
    heard = []

    def hear(sender, deliveries, **kwargs):
        assert connection.in_atomic_block
        heard.append(deliveries)

    deliveries_finished.connect(hear)
    yield heard
    deliveries_finished.disconnect(hear)


def finished(*statuses):
    rows = claim_due(len(statuses)).rows
    return [Finished(row, Result(status=status), []) for row, status in zip(rows, statuses, strict=True)]


def test_the_ends_of_a_batch_are_told_at_once_and_retries_are_not(news):
    """GSAN-12: other parts of the product hear of every end, success or failure, in one list."""
    well, last, later = make_webhook(), make_webhook(max_attempts=1), make_webhook()
    statuses = {well.pk: 200, last.pk: 500, later.pk: 500}
    ids = {webhook.pk: make_delivery(webhook=webhook).pk for webhook in (well, last, later)}
    record_results([Finished(row, Result(status=statuses[row.webhook_id]), []) for row in claim_due(3).rows])
    [told] = news
    assert sorted(told, key=lambda ended: ended.state) == [
        Ended(ids[well.pk], well.pk, "delivered", ""),
        Ended(ids[last.pk], last.pk, "failed", "exhausted"),
    ]


def test_a_hearer_that_fails_takes_the_results_with_it():
    """It is heard inside the transaction: what a hearer writes and the results come true together or not at all."""
    make_delivery()
    done = finished(200)

    def refuse(**news):
        raise RuntimeError("as if a hearer could not write")

    deliveries_finished.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            record_results(done)
    finally:
        deliveries_finished.disconnect(refuse)
    assert Delivery.objects.get().state == "waiting"


def test_a_record_of_many_results_costs_as_many_statements_as_one_of_one():
    """A constant number: the budget is eight for a claim and a record together."""
    counts = []
    for number in (1, 12):
        for _ in range(number):
            make_delivery()
        done = finished(*[200] * number)
        with CaptureQueriesContext(connection) as queries:
            record_results(done)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_healthy_lane_is_not_written_again_and_again():
    """A claim passes over a lane that a record has locked: it is locked only when there is something new to say."""
    webhook = make_webhook()
    for _ in range(2):
        make_delivery(webhook=webhook)
    first, second = finished(200, 200)
    record_results([first])
    noted = Lane.objects.get(pk=webhook.pk).last_success_at
    record_results([second])
    assert Lane.objects.get(pk=webhook.pk).last_success_at == noted
    assert Delivery.objects.filter(state="delivered").count() == 2


def test_a_failure_after_a_success_is_noted_whatever_the_time():
    webhook = make_webhook()
    for _ in range(3):
        make_delivery(webhook=webhook)
    well, badly, well_again = finished(200, 500, 200)
    record_results([well])
    record_results([badly])
    assert Lane.objects.get(pk=webhook.pk).failures_in_row == 1
    record_results([well_again])
    lane = Lane.objects.get(pk=webhook.pk)
    assert (lane.failures_in_row, lane.failing_since) == (0, None)


def test_values_of_every_kind_travel_in_bulk():
    delivery = make_delivery()
    [row] = claim_due(1).rows
    headers = [["X-Note", 'quote " backslash \\ é \u2028 percent %s']]
    bulk.update_tables(
        [
            bulk.Change(Attempt, [{"id": row.attempt_id, "request_headers": headers, "status": None, "private": True}]),
            bulk.Change(Delivery, [{"id": delivery.pk, "body": b"\x00\xff'%s", "lease_token": row.lease_token}]),
        ]
    )
    attempt, delivery = Attempt.objects.get(), Delivery.objects.get()
    assert (attempt.request_headers, attempt.status, attempt.private) == (headers, None, True)
    assert bytes(delivery.body) == b"\x00\xff'%s"
    assert delivery.lease_token == row.lease_token


# SQLite has no lengths.
@pytest.mark.postgres
def test_a_text_that_does_not_fit_is_refused_and_not_cut():
    from django.db import DataError

    delivery = make_delivery()
    with pytest.raises(DataError), transaction.atomic():
        bulk.update_rows(Delivery, [{"id": delivery.pk, "last_diagnosis": "x" * 61}])


@pytest.mark.postgres
def test_an_attempt_that_ends_finds_room_where_it_began():
    """On its own page no index is written a second time, though it is four times as long by then."""
    webhooks = [make_webhook() for _ in range(20)]
    for webhook in webhooks:
        make_delivery(webhook=webhook)
    rows = claim_due(len(webhooks)).rows
    began = read_pages()
    answer = Result(status=200, headers=[("Server", "x" * 60), ("Date", "y" * 30)], body=b"z" * 200)
    headers = [["webhook-id", "m" * 40], ["webhook-signature", "s" * 60], ["user-agent", "u" * 40]]
    record_results([Finished(row, answer, headers) for row in rows])
    assert len(began) == len(webhooks)
    assert read_pages() == began


def read_pages() -> dict[int, int]:
    """The page of the table on which each attempt lies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, (ctid::text::point)[0]::int FROM dispatch_attempt")
        return dict(cursor.fetchall())
