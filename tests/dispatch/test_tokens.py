"""Tokens in the dispatcher (fault 11): fetched once, shared by all, renewed, dropped when a receiver refuses them; and
why there is none. The token endpoint and the receiver are real; processes are killed in test_tokens_faults."""

import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from access.actors import Actor
from connections.cache import look_up
from connections.failures import TokenFailure
from connections.models import CachedToken
from dispatch import clock
from dispatch.actions import announce
from dispatch.models import Attempt, Delivery
from dispatch.tokens import BACK_AT_A_TIME, HandBacks, words_of
from tests.dispatch.issuing import (
    SECRET,
    attempts,
    cached,
    change_secret,
    issued,
    make_source,
    refused,
    tokens_received,
    use,
)
from tests.factories import make_delivery, make_publication, make_webhook
from tests.receiver import Answer, Call, Hang, closed_port
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import Webhook

# Tokens are fetched in threads, whose connections don't see what a test's transaction has not committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BY = Actor.system("test")
INTERVAL = 300


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


def test_a_mistake_of_ours_while_fetching_is_logged_and_remembered(
    source, webhook, product, receiver, dispatcher, monkeypatch, later, settle
):
    def break_down(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("dispatch.fetching.fetch_for", break_down)
    announce(make_publication(product), by=BY)
    deadline = time.monotonic() + 10
    while not Attempt.objects.filter(outcome="not_sent").exists():
        dispatcher.step()
        assert time.monotonic() < deadline
    assert not receiver.requests("/token")
    monkeypatch.undo()
    later(600)
    settle()
    assert Delivery.objects.get().state == "delivered"
    assert attempts("diagnosis") == ["token_no_answer", ""]


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


def test_nothing_secret_of_the_token_request_is_logged(source, webhook, product, receiver, settle, caplog):
    receiver.answer("/token", issued("CANARY-token-of-the-test"))
    receiver.answer("/hook", Answer(401))
    announce(make_publication(product), by=BY)
    settle()
    assert "CANARY" not in caplog.text
    assert SECRET not in caplog.text
