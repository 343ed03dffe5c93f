"""A 401 to a fetched token: it is dropped, and the delivery repeated once with a fresh one (delivery.md). Processes are
killed at each line of that in test_tokens_faults."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from access.actors import Actor
from connections.models import Connection
from dispatch import clock
from dispatch.actions import announce
from dispatch.claims import claim_due
from dispatch.models import Attempt, Delivery, Lane
from tests.dispatch.issuing import attempts, issued, refused, tokens_received, use
from tests.factories import make_delivery, make_publication, make_webhook
from tests.receiver import Answer, Call, Receiver
from webhooks.models import Webhook

# Tokens are fetched in threads, whose connections don't see what a test's transaction has not committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BY = Actor.system("test")
INTERVAL = 300


def test_a_401_drops_the_token_and_the_delivery_is_repeated_once_with_a_fresh_one(
    source, webhook, product, receiver, settle
):
    """delivery.md: an Attempt row of its own that does not count; the same id and bytes."""
    receiver.answer("/token", issued("first"), issued("second"))
    receiver.answer("/hook", Answer(401), Answer(200))
    announce(make_publication(product), by=BY)
    settle()
    assert attempts("number", "outcome", "status", "counted", "diagnosis") == [
        (1, "answered", 401, True, "unauthorized_oauth2"),
        (2, "answered", 200, False, ""),
    ]
    assert tokens_received(receiver) == ["Bearer first", "Bearer second"]
    first, second = receiver.requests("/hook")
    assert first.header("webhook-id") == second.header("webhook-id")
    assert first.body == second.body
    ended = Delivery.objects.get()
    assert (ended.state, ended.counted_attempts, ended.repeat_due, ended.urgent) == ("delivered", 1, False, False)
    assert len(receiver.requests("/token")) == 2
    lane = Lane.objects.get()
    assert (lane.failures_in_row, lane.failing_since) == (0, None)


def test_a_second_401_counts_by_the_normal_rule_and_there_is_no_third_request(
    source, webhook, product, receiver, settle, later
):
    receiver.answer("/token", issued("first"), issued("second"), issued("third"))
    receiver.answer("/hook", Answer(401))
    announce(make_publication(product), by=BY)
    settle()
    waiting, first = Delivery.objects.get(), Attempt.objects.get(number=1)
    assert attempts("status", "counted") == [(401, True), (401, False)]
    assert (waiting.state, waiting.counted_attempts, waiting.repeat_due) == ("waiting", 1, False)
    assert waiting.due_at >= first.slot_at + timedelta(seconds=INTERVAL)
    later(INTERVAL + 1)
    settle()
    # The next counted attempt has a repeat of its own again: by now it is an old token.
    assert attempts("status", "counted") == [(401, True), (401, False)] * 2
    assert len(receiver.requests("/hook")) == 4


def test_a_maximum_of_one_still_has_its_repeat(source, webhook, product, receiver, settle):
    Webhook.objects.filter(pk=webhook.pk).update(max_attempts=1)
    receiver.answer("/token", issued("first"), issued("second"))
    receiver.answer("/hook", Answer(401))
    announce(make_publication(product), by=BY)
    settle()
    ended = Delivery.objects.get()
    assert (ended.state, ended.reason, ended.counted_attempts) == ("failed", "exhausted", 1)
    assert len(receiver.requests("/hook")) == 2


def test_a_receiver_that_takes_no_token_at_all_costs_one_token_request_a_minute(
    source, webhook, product, receiver, settle, later
):
    """No loop: the second delivery's 401 comes within a minute, is not repeated, and drops nothing."""
    receiver.answer("/token", issued("first"), issued("second"), issued("third"))
    receiver.answer("/hook", Answer(401))
    for seconds, requests, tokens in ((0, 2, 2), (5, 3, 2), (60, 5, 3)):
        later(seconds)
        announce(make_publication(product), by=BY)
        settle()
        assert len(receiver.requests("/hook")) == requests
        assert len(receiver.requests("/token")) == tokens


def test_a_401_to_a_token_that_has_been_replaced_meanwhile_drops_nothing_and_is_repeated(
    source, webhook, receiver, settle
):
    """Many in flight when it is revoked: one fresh token serves them all."""
    receiver.answer("/token", issued("first"), issued("second"))
    make_delivery(webhook=webhook)
    settle()
    receiver.answer(
        "/hook", Call(lambda request: Answer(401 if request.header("authorization") == "Bearer first" else 200))
    )
    for _ in range(8):
        make_delivery(webhook=webhook)
    settle()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert len(receiver.requests("/token")) == 2
    repeated = Attempt.objects.filter(counted=False).exclude(outcome="handed_back")
    assert 1 <= repeated.count() == Attempt.objects.filter(status=401).count() <= 8


def test_a_repeat_goes_before_the_backlog_of_its_webhook(source, webhook, receiver, settle, settings):
    settings.PORTAL_DISPATCH_LANE_CAP = 1
    receiver.answer("/token", issued("first"), issued("second"))
    receiver.answer("/hook", Answer(401), Answer(200))
    for _ in range(10):
        make_delivery(webhook=webhook)
    settle()
    first, second, *rest = [request.header("webhook-id") for request in receiver.requests("/hook")]
    assert first == second
    assert first not in rest
    assert len(rest) == 9


def test_a_repeat_takes_a_slot_of_the_rate_limit_like_everything_else(
    source, webhook, product, receiver, dispatcher, settle, later
):
    """CERC-15: 401 repeats included."""
    receiver.answer("/hook", Answer(401), Answer(200))
    wait_for_a_repeat_that_waits_for_its_slot(source, webhook, product, receiver, dispatcher, settle)
    assert [request.path for request in receiver.requests("/hook")] == ["/hook"]
    later(60.1)
    settle()
    assert Delivery.objects.get(webhook=webhook).state == "delivered"
    # One that waits for a token longer than its slot holds is handed back, and had none.
    mine = Attempt.objects.filter(webhook=webhook).exclude(outcome="handed_back").order_by("number")
    first, second = mine.values_list("slot_at", flat=True)
    assert second - first >= timedelta(seconds=60)


def test_a_repeat_that_has_waited_longer_than_a_minute_is_not_repeated_itself(
    source, webhook, product, receiver, dispatcher, settle, later
):
    """By then a 401 would drop the next token too: the mark of the repeat, and not that minute, is what ends it."""
    receiver.answer("/hook", Answer(401))
    wait_for_a_repeat_that_waits_for_its_slot(source, webhook, product, receiver, dispatcher, settle)
    later(61)
    settle()
    waiting = Delivery.objects.get(webhook=webhook)
    assert (waiting.repeat_due, waiting.counted_attempts) == (False, 1)
    assert waiting.due_at > clock.now() + timedelta(seconds=60)
    assert len(receiver.requests("/hook")) == 2


def wait_for_a_repeat_that_waits_for_its_slot(source, webhook, product, receiver, dispatcher, settle) -> None:
    """One request a minute: the receiver answers the first with 401."""
    Webhook.objects.filter(pk=webhook.pk).update(rate_limit_count=1, rate_limit_period_seconds=60)
    receiver.answer("/token", issued("first"), issued("second"), issued("third"))
    # The token first: what waits for one gives its slot back.
    settle_token(source, receiver, settle)
    announce(make_publication(product), by=BY)
    dispatcher.wake()
    while not Lane.objects.filter(webhook=webhook, open_at__gt=clock.now() + timedelta(seconds=50)).exists():
        dispatcher.step()
    dispatcher.step()
    waiting = Delivery.objects.get(webhook=webhook)
    assert (waiting.repeat_due, waiting.state) == (True, "waiting")


def settle_token(source: Connection, receiver: Receiver, settle: Callable[[], None]) -> None:
    """Have the first token fetched by another webhook of the same connection."""
    other = make_webhook(request_uri=receiver.url("/warm-up"))
    use(source, other)
    make_delivery(webhook=other)
    settle()


def test_a_repeat_whose_worker_is_lost_is_repeated_and_still_not_counted(
    source, webhook, product, receiver, settle, later
):
    """At whatever line it died: the mark stands in the delivery until the repeat has a result."""
    receiver.answer("/token", issued("first"), issued("second"))
    receiver.answer("/hook", Answer(401), Answer(200))
    announce(make_publication(product), by=BY)
    delivery = Delivery.objects.get()
    Delivery.objects.update(repeat_due=True, counted_attempts=1, attempts_made=1)
    [claimed] = claim_due(10).rows
    assert claimed.repeat
    later(600)
    receiver.answer("/hook", Answer(200))
    settle()
    assert attempts("number", "outcome", "counted") == [(2, "unknown", False), (3, "answered", False)]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.counted_attempts, delivery.repeat_due) == ("delivered", 1, False)


def test_a_repeat_for_which_there_is_no_token_is_not_counted_either(source, webhook, product, receiver, settle):
    receiver.answer("/token", issued("first"), refused("invalid_client", 401))
    receiver.answer("/hook", Answer(401))
    announce(make_publication(product), by=BY)
    settle()
    assert attempts("outcome", "diagnosis", "counted") == [
        ("answered", "unauthorized_oauth2", True),
        ("not_sent", "token_invalid_client", False),
    ]
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.counted_attempts, waiting.repeat_due) == ("waiting", 1, False)
    assert waiting.due_at > clock.now() + timedelta(seconds=INTERVAL - 60)


def test_a_401_without_a_fetched_token_is_not_repeated(webhook, product, receiver, settle):
    receiver.answer("/hook", Answer(401))
    announce(make_publication(product), by=BY)
    settle()
    assert attempts("status", "counted") == [(401, True)]
    assert len(receiver.requests("/hook")) == 1


# SQLite writes row by row.
@pytest.mark.postgres
def test_the_record_of_a_401_that_is_repeated_stays_two_statements(
    source, webhook, product, receiver, settle, dispatcher
):
    receiver.answer("/hook", Answer(401), Answer(200))
    announce(make_publication(product), by=BY)
    with CaptureQueriesContext(database) as captured:
        settle()
    words = [query["sql"] for query in captured]
    locks = [sql for sql in words if "'delivery', id, lease_token" in sql]
    writes = [sql for sql in words if sql.startswith("WITH change_0")]
    assert len(locks) == len(writes) == 2
