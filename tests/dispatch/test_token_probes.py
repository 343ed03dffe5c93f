"""Probes of stopped webhooks that send a token."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from access.actors import Actor
from connections.models import CachedToken
from connections.tokens import obtain_token
from dispatch import clock, probe_tokens, probing
from dispatch.models import Lane
from dispatch.probing import probe_stopped
from tests.connections.endpoint import VALUE, json_answer, token_answer
from tests.factories import make_connection, make_webhook
from tests.receiver import Answer, Receiver
from webhooks.actions import stop_webhook
from webhooks.models import Webhook, WebhookTest

# Tokens are fetched in threads, whose connections don't see what a test's transaction has not committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("loopback")]


def probe_with(receiver: Receiver, path: str = "/token", **over: Any) -> Webhook:
    connection = make_connection(token_url=receiver.url(path), **over)
    webhook: Webhook = make_webhook(
        participant=connection.participant,
        request_uri=receiver.url("/hook"),
        auth_method="oauth2",
        auth_settings={"connection": str(connection.uuid)},
    )
    stop_webhook(webhook, reason="failing", by=Actor.system("test"))
    lane, _made = Lane.objects.get_or_create(webhook=webhook)
    Lane.objects.filter(pk=lane.pk).update(probe_at=clock.now() - timedelta(minutes=1))
    return webhook


def test_a_probe_carries_a_token_and_starts_the_webhook_again(receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    webhook = probe_with(receiver)
    assert probe_stopped() == 1
    assert receiver.wait_for(2)[1].header("Authorization") == f"Bearer {VALUE}"
    webhook.refresh_from_db()
    assert not webhook.stopped
    assert VALUE not in str(WebhookTest.objects.get().exchange)


def test_a_probe_without_a_token_says_why_and_changes_nothing(receiver: Receiver) -> None:
    receiver.answer("/token", json_answer({"error": "invalid_client"}, status=401))
    webhook = probe_with(receiver)
    assert probe_stopped() == 0
    assert [request.path for request in receiver.wait_for(1)] == ["/token"]
    assert WebhookTest.objects.get().diagnosis == "token_invalid_client"
    webhook.refresh_from_db()
    assert webhook.stopped


def test_what_breaks_with_one_token_keeps_no_other_participant_from_being_probed(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer("/token", token_answer())
    broken, well = probe_with(receiver, "/broken"), probe_with(receiver)

    def break_down(source: Any, **more: Any) -> Any:
        if source.token_url.endswith("/broken"):
            raise RuntimeError("a mistake of ours")
        return obtain_token(source, **more)

    monkeypatch.setattr(probe_tokens, "obtain_token", break_down)
    assert probe_stopped() == 1
    assert [Webhook.objects.get(pk=webhook.pk).stopped for webhook in (broken, well)] == [True, False]
    assert WebhookTest.objects.get(webhook=broken).diagnosis == "token_no_answer"
    assert "probing.no_token" in caplog.text


@pytest.mark.parametrize("place", ["load_plans", "sample_message", "describe_exchange"])
def test_what_breaks_with_one_webhook_keeps_no_other_from_being_probed(
    place: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer("/token", token_answer())
    webhooks, calls = [probe_with(receiver), probe_with(receiver)], []
    original = getattr(probing, place)

    def break_once(*given: Any, **more: Any) -> Any:
        calls.append(place)
        if len(calls) == 1:
            raise RuntimeError("a mistake of ours")
        return original(*given, **more)

    monkeypatch.setattr(probing, place, break_once)
    probe_stopped()
    assert sorted(Webhook.objects.get(pk=webhook.pk).stopped for webhook in webhooks) == [False, True]
    assert "probing.not_" in caplog.text


def test_token_endpoints_that_hang_are_waited_for_together(receiver: Receiver, settings: Any) -> None:
    """And what is sent after that wait is signed after it."""
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 2
    receiver.answer("/token", token_answer())
    for number in range(4):
        receiver.answer(f"/slow-{number}", token_answer(delay=10))
        probe_with(receiver, f"/slow-{number}")
    well, began = probe_with(receiver), time.monotonic()
    assert probe_stopped() == 1
    assert 2 <= time.monotonic() - began < 6
    well.refresh_from_db()
    assert not well.stopped
    tried_at = WebhookTest.objects.get(webhook=well).at
    [request] = receiver.requests("/hook")
    signed_at = datetime.fromtimestamp(int(request.header("webhook-timestamp") or 0), tz=tried_at.tzinfo)
    assert signed_at - tried_at > timedelta(seconds=0.9)


def test_a_401_drops_the_token_so_that_the_next_probe_goes_with_another(receiver: Receiver, later: Any) -> None:
    receiver.answer("/token", token_answer(), token_answer("another-token-0123456789"))
    receiver.answer("/hook", Answer(401), Answer(200))
    webhook = probe_with(receiver)
    probe_stopped()
    row = CachedToken.objects.get()
    assert (row.token, row.cleared_at is not None) == ("", True)
    later(3 * 3600)
    probe_stopped()
    sent = [request.header("Authorization") for request in receiver.requests("/hook")]
    assert sent == [f"Bearer {VALUE}", "Bearer another-token-0123456789"]
    webhook.refresh_from_db()
    assert not webhook.stopped


def test_a_probe_goes_by_the_clock_of_the_senders(receiver: Receiver, later: Any) -> None:
    """The cache is theirs too: on PostgreSQL that clock is the database's."""
    receiver.answer("/token", token_answer())
    later(5 * 24 * 3600)
    probe_with(receiver)
    probe_stopped()
    obtained_at = CachedToken.objects.get().obtained_at
    assert obtained_at is not None
    assert obtained_at - timezone.now() > timedelta(days=4)
