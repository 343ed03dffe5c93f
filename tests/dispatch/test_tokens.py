"""Tokens in the dispatcher (fault 11): fetched once, shared by all, renewed, dropped when a receiver refuses them; and
why there is none. The token endpoint and the receiver are real; processes are killed in test_tokens_faults."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from access.actors import Actor
from connections.cache import look_up
from connections.failures import TokenFailure
from connections.models import CachedToken, Connection
from dispatch import clock
from dispatch.actions import announce
from dispatch.claims import claim_due
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery, Lane
from dispatch.tokens import BACK_AT_A_TIME, HandBacks, words_of
from tests.dispatch.issuing import SECRET, cached, change_secret, issued, make_source, refused, use
from tests.factories import make_delivery, make_publication, make_webhook
from tests.receiver import Answer, Call, Hang, Receiver, closed_port
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import Webhook

# Tokens are fetched in threads, whose connections don't see what a test's transaction has not committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BY = Actor.system("test")
INTERVAL = 300


@pytest.fixture
def source(receiver: Receiver, webhook: Webhook) -> Connection:
    """The webhook at /hook sends with tokens of /token."""
    receiver.answer("/token", issued())
    return make_source(receiver.url("/token"), webhook)


@pytest.fixture
def settle(dispatcher: Dispatcher) -> Callable[[], None]:
    """Let the dispatcher work until nothing is due, parked or being fetched; bounded."""

    def run() -> None:
        deadline = time.monotonic() + 20
        dispatcher.wake()
        while not (_nothing_left(dispatcher) and not dispatcher.tokens.waiting):
            assert time.monotonic() < deadline, "the dispatcher did not come to rest"
            dispatcher.step()

    return run


def _nothing_left(dispatcher: Dispatcher) -> bool:
    return dispatcher.idle and not Delivery.objects.waiting().filter(due_at__lte=clock.now()).exists()


def attempts(*columns: str) -> list[Any]:
    """The attempts in order, those handed back left out."""
    shown = Attempt.objects.exclude(outcome="handed_back").order_by("number", "pk")
    return list(shown.values_list(*columns, flat=len(columns) == 1))


def tokens_received(receiver: Receiver) -> list[str | None]:
    return [request.header("authorization") for request in receiver.requests("/hook")]


# --- one token for all ----------------------------------------------------------------------------------------------


def test_a_delivery_carries_the_token_of_its_connection_and_the_next_one_too(
    source, webhook, product, receiver, settle
):
    """CERC-17: obtained once, sent as Bearer with each."""
    for _ in range(3):
        announce(make_publication(product), by=BY)
        settle()
    assert tokens_received(receiver) == ["Bearer token-1-of-the-test"] * 3
    assert len(receiver.requests("/token")) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert not Attempt.objects.filter(outcome="handed_back").exists()


def test_many_webhooks_of_one_connection_wait_for_one_token(source, webhook, product, receiver, dispatcher, settle):
    """Fault 11 in one process: nobody is handed back who can wait here."""
    others = [make_webhook(request_uri=receiver.url("/hook"), products=[product]) for _ in range(20)]
    use(source, *others)
    receiver.answer("/token", Answer(200, json.dumps({"access_token": "one"}).encode(), delay=0.3))
    announce(make_publication(product), by=BY)
    settle()
    assert tokens_received(receiver) == ["Bearer one"] * 21
    assert len(receiver.requests("/token")) == 1
    assert not Attempt.objects.filter(outcome="handed_back").exists()


def test_a_warm_token_costs_one_statement_for_each_claim(source, webhook, product, receiver, dispatcher, settle):
    announce(make_publication(product), by=BY)
    settle()
    for _ in range(3):
        make_delivery(webhook=webhook)
    with CaptureQueriesContext(database) as captured:
        settle()
    asked = [query["sql"] for query in captured if "connections_" in query["sql"]]
    claims = [query["sql"] for query in captured if "FROM dispatch_lane lane JOIN" in query["sql"]]
    assert len(asked) <= len(claims) + 1
    assert all(sql.startswith("SELECT") for sql in asked)
    assert len(receiver.requests("/token")) == 1


def test_the_token_is_masked_wherever_the_attempt_is_shown(source, webhook, product, receiver, settle):
    receiver.answer("/token", issued("CANARY-token-of-the-test"))
    receiver.answer("/hook", Answer(500, b"I got CANARY-token-of-the-test", [("X-Echo", "CANARY-token-of-the-test")]))
    announce(make_publication(product), by=BY)
    settle()
    [attempt] = Attempt.objects.all()
    kept = f"{attempt.request_headers} {attempt.response_headers} {attempt.response_body} {attempt.detail}"
    assert "CANARY" not in kept
    assert "I got" in attempt.response_body
    assert tokens_received(receiver) == ["Bearer CANARY-token-of-the-test"]


# --- tokens that can't be had -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused("invalid_client", 401), "token_invalid_client"),
        (refused("invalid_grant"), "token_invalid_grant"),
        (refused("invalid_request"), "token_invalid_request"),
        (refused("invalid_scope"), "token_invalid_scope"),
        (refused("unauthorized_client"), "token_unauthorized_client"),
        (refused("unsupported_grant_type"), "token_unsupported_grant_type"),
        (refused("invalid_target"), "token_invalid_target"),
        (refused("invalid_authorization_details"), "token_invalid_authorization_details"),
        (refused("something_new"), "token_refused"),
        (Answer(403, b"<html>"), "token_refused"),
        (Answer(429), "token_rate_limited"),
        (Answer(503), "token_server_error"),
        (Answer(302, headers=[("Location", "/elsewhere")]), "token_redirected"),
        (Answer(200, b"<html>"), "token_answer_unreadable"),
        (Answer(200, b'{"token_type": "Bearer"}'), "token_missing"),
        (issued("x" * 5_000), "token_too_large"),
    ],
)
def test_what_the_token_endpoint_says_is_told_and_tried_again_by_the_webhooks_rule(
    source, webhook, product, receiver, settle, later, answer, code
):
    """Fault 11: the attempt counts and was not sent. UNICO-34, CERC-19."""
    receiver.answer("/token", answer, issued())
    announce(make_publication(product), by=BY)
    settle()
    [attempt] = Attempt.objects.all()
    assert (attempt.outcome, attempt.counted, attempt.diagnosis, attempt.status) == ("not_sent", True, code, None)
    assert code in DIAGNOSES
    assert receiver.requests("/hook") == []
    assert receiver.requests("/elsewhere") == []
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.counted_attempts, waiting.last_diagnosis) == ("waiting", 1, code)
    assert waiting.due_at == attempt.slot_at + timedelta(seconds=INTERVAL)
    later(INTERVAL)
    settle()
    assert Delivery.objects.get().state == "delivered"
    assert attempts("counted", "status") == [(True, None), (True, 200)]


def test_what_the_token_endpoint_said_is_in_the_details(source, webhook, product, receiver, settle):
    receiver.answer("/token", refused("invalid_client", 401))
    announce(make_publication(product), by=BY)
    settle()
    # Its words too, if it were not in a network that only the operator's permission opens.
    assert Attempt.objects.get().detail == "HTTP 401"
    refusal = TokenFailure("token_invalid_client", "invalid_client: unknown client", 401)
    assert words_of(refusal) == "HTTP 401 invalid_client: unknown client"
    assert words_of(TokenFailure("token_tls", "tls_expired")) == "tls_expired"


def test_a_token_endpoint_that_is_down_is_told_apart_from_one_that_answers(webhook, product, receiver, settle):
    """UNICO-34: connection errors are not HTTP errors."""
    make_source(f"http://127.0.0.1:{closed_port()}/token", webhook)
    announce(make_publication(product), by=BY)
    settle()
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.diagnosis, attempt.detail) == (
        "not_sent",
        "token_unreachable",
        "connection_refused",
    )
    assert receiver.requests("/hook") == []


@pytest.mark.parametrize("life", [None, "soon", 0, 60])
def test_whatever_the_answer_says_of_its_life_the_token_is_used(source, webhook, product, receiver, settle, life):
    """Fault 11: expires_in absent, a text, 0: the delivery that asked for it goes with it."""
    receiver.answer("/token", issued(expires_in=life))
    announce(make_publication(product), by=BY)
    settle()
    assert Delivery.objects.get().state == "delivered"
    assert len(receiver.requests("/token")) == 1


def test_a_failure_is_remembered_and_the_endpoint_left_alone_meanwhile(
    source, webhook, product, receiver, settle, later
):
    receiver.answer("/token", refused("invalid_client", 401))
    for seconds, asked in ((0, 1), (3, 1), (3, 2)):
        later(seconds)
        announce(make_publication(product), by=BY)
        settle()
        assert len(receiver.requests("/token")) == asked
    assert attempts("diagnosis") == ["token_invalid_client"] * 3


def test_the_last_failure_for_want_of_a_token_ends_the_delivery(source, webhook, product, receiver, settle):
    Webhook.objects.filter(pk=webhook.pk).update(max_attempts=1)
    receiver.answer("/token", refused("invalid_scope"))
    announce(make_publication(product), by=BY)
    settle()
    ended = Delivery.objects.get()
    assert (ended.state, ended.reason, ended.last_diagnosis) == ("failed", "exhausted", "token_invalid_scope")


def test_a_mistake_of_ours_while_fetching_is_logged_and_costs_no_attempt(
    source, webhook, product, receiver, dispatcher, monkeypatch, later, settle
):
    def break_down(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("dispatch.fetching.fetch_for", break_down)
    announce(make_publication(product), by=BY)
    deadline = time.monotonic() + 10
    while not Attempt.objects.filter(outcome="handed_back").exists():
        dispatcher.step()
        assert time.monotonic() < deadline
    monkeypatch.undo()
    later(60)
    settle()
    assert Delivery.objects.get().state == "delivered"
    assert attempts("counted") == [True]


def test_one_key_that_breaks_the_look_into_the_cache_costs_the_others_nothing(
    source, webhook, product, receiver, dispatcher, monkeypatch
):
    """Fault 17 for tokens: a mistake of ours about one connection."""
    other = make_webhook(request_uri=receiver.url("/other"), products=[product])
    broken = make_source(receiver.url("/token"), other)

    def break_for_one(sources: Any, **over: Any) -> Any:
        if broken.pk in [each.connection_id for each in sources]:
            raise RuntimeError("a mistake of ours")
        return look_up(sources, **over)

    monkeypatch.setattr("dispatch.tokens.look_up", break_for_one)
    announce(make_publication(product), by=BY)
    deadline = time.monotonic() + 10
    while not Delivery.objects.filter(webhook=webhook, state="delivered").exists():
        dispatcher.step()
        assert time.monotonic() < deadline
    waiting = Delivery.objects.get(webhook=other)
    assert (waiting.state, waiting.counted_attempts) == ("waiting", 0)


# --- a hanging endpoint -----------------------------------------------------------------------------------------------


def test_a_hanging_token_endpoint_keeps_nobody_else_waiting(source, webhook, product, receiver, settings, settle):
    """Fault 11, fault 13: parked, not in the way; at the deadline the reason is told."""
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 2
    receiver.answer("/token", Hang())
    make_webhook(request_uri=receiver.url("/other"), products=[product])
    announce(make_publication(product), by=BY)
    begun = time.monotonic()
    receiver_at: dict[str, float] = {}
    receiver.answer("/other", Call(lambda _: receiver_at.setdefault("other", time.monotonic()) and Answer(200)))
    settle()
    assert receiver_at["other"] - begun < 1
    assert attempts("diagnosis") == ["token_timeout", ""]
    assert time.monotonic() - begun >= 2


def test_what_waits_for_a_token_is_handed_back_at_once_when_the_sender_stops(
    source, webhook, product, receiver, settings, dispatcher
):
    """Fault 16: whoever takes it next has its whole time; the request under way is waited for, no longer than it may
    take, and its token kept for all."""
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 1
    receiver.answer("/token", Hang())
    announce(make_publication(product), by=BY)
    while not dispatcher.tokens.parked:
        dispatcher.step()
    begun = time.monotonic()
    dispatcher._finish()
    assert time.monotonic() - begun < 3
    assert list(Attempt.objects.values_list("outcome", "counted")) == [("handed_back", False)]
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.lease_token, waiting.counted_attempts) == ("waiting", None, 0)
    assert waiting.due_at <= clock.now()
    assert cached().failure_code == "token_timeout"


def test_a_slot_that_runs_out_while_it_waits_for_a_token_is_given_back(source, webhook, product, receiver, settle):
    """CERC-15: late, it would be too near to the next one; unsent it takes none."""
    Webhook.objects.filter(pk=webhook.pk).update(rate_limit_count=1, rate_limit_period_seconds=3600)
    receiver.answer("/token", Answer(200, json.dumps({"access_token": "one"}).encode(), delay=0.4))
    announce(make_publication(product), by=BY)
    settle()
    assert set(Attempt.objects.values_list("outcome", "counted")) == {("handed_back", False), ("answered", True)}
    back, *_ = Attempt.objects.filter(outcome="handed_back")
    assert back.finished_at - back.slot_at < timedelta(seconds=0.3)
    assert len(receiver.requests("/hook")) == len(receiver.requests("/token")) == 1


def test_no_more_wait_here_than_one_claim_takes(source, product, receiver, settings, dispatcher):
    settings.PORTAL_DISPATCH_BATCH, settings.PORTAL_DISPATCH_LANE_CAP = 5, 20
    receiver.answer("/token", Hang())
    mine = make_webhook(request_uri=receiver.url("/hook"))
    use(source, mine)
    for _ in range(12):
        make_delivery(webhook=mine)
    deadline = time.monotonic() + 10
    while Attempt.objects.filter(outcome="handed_back").count() < 7:
        dispatcher.step()
        assert time.monotonic() < deadline
        assert dispatcher.tokens.parked <= 5
    assert dispatcher.tokens.parked == 5


# --- another process fetches ------------------------------------------------------------------------------------------


def test_what_another_process_fetches_is_waited_for_a_quarter_of_a_second_at_a_time(
    source, webhook, product, receiver, settle, dispatcher
):
    """Handed back, due in 250 ms, not counted; sent with that process's token, without a request of ours."""
    announce(make_publication(product), by=BY)
    settle()
    now = clock.now()
    row = cached()
    sealed = row.token
    CachedToken.objects.update(
        token=CachedToken._meta.get_field("token").seal("", row.uuid), obtained_at=None, refresh_at=None,
        expires_at=None, refreshing_by=uuid4(), refreshing_until=now + timedelta(seconds=10),
    )  # fmt: skip
    announce(make_publication(product), by=BY)
    while not (back := Attempt.objects.filter(outcome="handed_back").first()):
        dispatcher.step()
    waiting = Delivery.objects.get(pk=back.delivery_id)
    assert (back.counted, waiting.counted_attempts, waiting.lease_token) == (False, 0, None)
    assert waiting.due_at == back.finished_at + timedelta(seconds=0.25)
    row = cached()
    row.token = sealed
    row.obtained_at, row.refresh_at, row.expires_at = now, now + timedelta(hours=1), now + timedelta(hours=1)
    row.refreshing_until = None
    row.save()
    begun = time.monotonic()
    settle()
    assert time.monotonic() - begun < 0.9, "it waited for the poll"
    assert Delivery.objects.get(pk=back.delivery_id).state == "delivered"
    assert len(receiver.requests("/token")) == 1


def test_much_that_is_handed_back_falls_due_bit_by_bit():
    """A hanging endpoint must not keep a dispatcher busy with taking up and handing back."""
    back = HandBacks()
    delays = [back.spread() for _ in range(3 * BACK_AT_A_TIME)]
    assert delays == [0.25] * BACK_AT_A_TIME + [0.5] * BACK_AT_A_TIME + [0.75] * BACK_AT_A_TIME
    time.sleep(0.3)
    assert back.spread() == 0.25


# --- credentials change, tokens end -----------------------------------------------------------------------------------


def test_changed_credentials_take_effect_on_the_next_attempt(source, webhook, product, receiver, settle, later):
    """Without a restart: the failure that is remembered belongs to the old ones."""
    receiver.answer("/token", refused("invalid_client", 401), issued())
    announce(make_publication(product), by=BY)
    settle()
    change_secret(source, "another-client-secret")
    later(1)
    Delivery.objects.update(due_at=clock.now())
    settle()
    assert Delivery.objects.get().state == "delivered"
    first, second = (request.header("authorization") for request in receiver.requests("/token"))
    assert first != second


def test_a_token_that_another_process_dropped_is_not_used_again(source, webhook, product, receiver, settle):
    receiver.answer("/token", issued("first"), issued("second"))
    announce(make_publication(product), by=BY)
    settle()
    row = cached()
    row.token, row.obtained_at, row.refresh_at, row.expires_at = "", None, None, None
    row.save()
    announce(make_publication(product), by=BY)
    settle()
    assert tokens_received(receiver) == ["Bearer first", "Bearer second"]


def test_a_token_is_never_used_past_its_end(source, webhook, product, receiver, settle, later):
    """UNICO-25."""
    receiver.answer("/token", issued("first", expires_in=60), issued("second", expires_in=60))
    announce(make_publication(product), by=BY)
    settle()
    later(61)
    announce(make_publication(product), by=BY)
    settle()
    assert tokens_received(receiver) == ["Bearer first", "Bearer second"]


def test_one_that_expires_while_its_delivery_lies_in_the_queue_is_not_sent(
    source, webhook, receiver, dispatcher, settle
):
    receiver.answer("/token", issued("first", expires_in=60), issued("second"))
    make_delivery(webhook=webhook)
    settle()
    make_delivery(webhook=webhook)
    dispatcher.wake()
    dispatcher._refill()
    moment, read_at = dispatcher.tokens._clock
    dispatcher.tokens._clock = (moment + timedelta(seconds=61), read_at)
    dispatcher.step()
    assert tokens_received(receiver) == ["Bearer first"]
    assert Attempt.objects.filter(outcome="handed_back", counted=False).count() == 1


def test_a_token_that_still_holds_is_used_while_the_next_one_is_fetched(
    source, webhook, product, receiver, settings, settle, dispatcher, later
):
    """At 80 % of its life; nobody waits for it, and a failure costs nothing as long as it holds."""
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 1
    receiver.answer("/token", issued("first", expires_in=100), Hang(), issued("second"))
    announce(make_publication(product), by=BY)
    settle()
    later(81)
    announce(make_publication(product), by=BY)
    begun = time.monotonic()
    while len(receiver.requests("/hook")) < 2:
        dispatcher.step()
    assert time.monotonic() - begun < 0.9
    settle()
    assert tokens_received(receiver) == ["Bearer first"] * 2
    assert len(receiver.requests("/token")) == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    later(6)
    announce(make_publication(product), by=BY)
    settle()
    announce(make_publication(product), by=BY)
    settle()
    assert tokens_received(receiver)[2:] in (["Bearer first", "Bearer second"], ["Bearer second"] * 2)


# --- 401 --------------------------------------------------------------------------------------------------------------


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


def test_the_record_of_a_401_that_is_repeated_stays_two_statements(
    source, webhook, product, receiver, settle, dispatcher
):
    if database.vendor != "postgresql":
        pytest.skip("SQLite writes row by row")
    receiver.answer("/hook", Answer(401), Answer(200))
    announce(make_publication(product), by=BY)
    with CaptureQueriesContext(database) as captured:
        settle()
    words = [query["sql"] for query in captured]
    locks = [sql for sql in words if "'delivery', id, lease_token" in sql]
    writes = [sql for sql in words if sql.startswith("WITH change_0")]
    assert len(locks) == len(writes) == 2


def test_nothing_secret_of_the_token_request_is_logged(source, webhook, product, receiver, settle, caplog):
    receiver.answer("/token", issued("CANARY-token-of-the-test"))
    receiver.answer("/hook", Answer(401))
    announce(make_publication(product), by=BY)
    settle()
    assert "CANARY" not in caplog.text
    assert SECRET not in caplog.text
