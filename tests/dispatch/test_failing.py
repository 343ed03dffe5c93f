"""Webhooks that have failed everything for days: when they are stopped, and how they come back (docs/adr/0008)."""

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from access.actions import block_participant
from access.actors import Actor
from access.models import AuditEntry
from dispatch import clock, failing, probing
from dispatch.failing import compute_probe_pause, find_failing, read_rule, stop_failing
from dispatch.holding import release_held
from dispatch.models import Attempt, Delivery, Lane
from dispatch.probing import probe_stopped
from notices.models import Notice
from notices.tasks import send_notices
from tests.at_once import at_once
from tests.factories import make_delivery, make_event, make_webhook, webhook_values
from tests.receiver import Answer, Hang, Reset
from webhooks.actions import archive_webhook, stop_webhook, update_webhook
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import StoppedReason, Webhook, WebhookTest
from webhooks.trials import TESTS_PER_MINUTE, try_webhook

pytestmark = pytest.mark.django_db
BY = Actor.system("test")
HOUR = timedelta(hours=1)


def make_failing(*, hours: float = 73, attempts: int = 10, last_hours_ago: float = 0.1, **over: Any) -> Webhook:
    """A webhook whose attempts have all failed: the first `hours` ago, the last one `last_hours_ago`, one waiting."""
    webhook = make_webhook(**over)
    delivery = make_delivery(webhook=webhook)
    now = clock.now()
    Lane.objects.filter(webhook=webhook).update(failing_since=now - hours * HOUR, failures_in_row=attempts)
    add_attempt(delivery, now - last_hours_ago * HOUR)
    return webhook


def add_attempt(delivery: Delivery, at: datetime) -> None:
    Attempt.objects.create(
        delivery=delivery,
        webhook=delivery.webhook,
        number=delivery.attempts_made + 1,
        lease_token=uuid4(),
        outcome="no_answer",
        slot_at=at,
        finished_at=at,
    )
    Delivery.objects.filter(pk=delivery.pk).update(attempts_made=delivery.attempts_made + 1)


def state_of(webhook: Webhook) -> tuple[str, str]:
    webhook.refresh_from_db()
    return webhook.stopped_reason, ",".join(Delivery.objects.filter(webhook=webhook).values_list("state", flat=True))


def lane_of(webhook: Webhook) -> Lane:
    return Lane.objects.get(webhook=webhook)


# --- the rule -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failing", "stopped"),
    [
        ({}, True),
        ({"hours": 71.9}, False),
        ({"attempts": 9}, False),
        # Ten failures on one bad evening, and nothing sent since: that says nothing about today.
        ({"hours": 100, "last_hours_ago": 99}, False),
        ({"hours": 100, "last_hours_ago": 27.9}, True),
        ({"hours": 100, "last_hours_ago": 28.1}, False),
    ],
)
def test_a_webhook_is_stopped_exactly_when_the_rule_says_so(failing, stopped):
    webhook = make_failing(**failing)
    assert stop_failing() == stopped
    assert state_of(webhook) == (("failing", "held") if stopped else ("", "waiting"))


def test_the_rule_is_the_operators_to_change(settings):
    webhook = make_failing(hours=5, attempts=3)
    assert stop_failing() == 0
    settings.PORTAL_FAILING_STOP_AFTER_HOURS, settings.PORTAL_FAILING_STOP_AFTER_ATTEMPTS = 4, 3
    assert stop_failing() == 1
    assert state_of(webhook) == ("failing", "held")


def test_time_that_passes_fulfils_the_rule(later):
    webhook = make_failing(hours=71)
    later(7200)
    add_attempt(Delivery.objects.get(), clock.now())
    assert stop_failing() == 1
    assert state_of(webhook) == ("failing", "held")


def test_who_would_not_be_sent_to_is_not_stopped(officer):
    inactive, archived, gone, blocked = (make_failing() for _ in range(4))
    Webhook.objects.filter(pk=inactive.pk).update(active=False)
    archive_webhook(archived, by=BY)
    stop_webhook(gone, reason=StoppedReason.GONE, by=BY)
    block_participant(blocked.participant, reason="test", by=officer.actor)
    assert stop_failing() == 0
    assert Lane.objects.filter(probe_at=None).count() == 4


def test_a_stop_is_recorded_told_and_has_its_first_probe_an_hour_later(owner):
    webhook = make_failing(participant=owner.participant)
    before = clock.now()
    stop_failing()
    lane = lane_of(webhook)
    assert timedelta() <= lane.probe_at - before - HOUR < timedelta(seconds=20)
    assert lane.probes_made == 0
    entry = AuditEntry.objects.get(action="webhooks.webhook.stopped")
    assert (entry.actor_source, entry.actor_label) == ("system", "watch over failing webhooks")
    assert entry.after == {"stopped": "failing"}
    assert Notice.objects.get().kind == "webhook_stopped"
    send_notices()
    (message,) = mail.outbox
    assert message.to == [owner.user.email]
    assert "Every recent attempt failed." in message.body
    assert "the webhook starts again by itself" in message.body
    # A minute later there is nothing more to do.
    assert stop_failing() == 0
    assert Notice.objects.count() == 1


def test_a_success_that_comes_in_between_undoes_the_stop(monkeypatch):
    """Recorded after the job has looked and before it is done: the lane is locked last, and asked again."""
    webhook = make_failing()
    original = failing.stop_webhook

    def succeed_meanwhile(*args: Any, **kwargs: Any) -> bool:
        Lane.objects.filter(webhook=webhook).update(failures_in_row=0, failing_since=None)
        return original(*args, **kwargs)

    monkeypatch.setattr(failing, "stop_webhook", succeed_meanwhile)
    assert stop_failing() == 0
    assert state_of(webhook) == ("", "waiting")
    assert not Notice.objects.exists()
    assert not AuditEntry.objects.filter(action="webhooks.webhook.stopped").exists()


def test_those_that_failed_for_longest_come_first():
    webhooks = [make_failing(hours=hours) for hours in (80, 100, 90)]
    assert find_failing(clock.now(), read_rule()) == [webhooks[1].pk, webhooks[2].pk, webhooks[0].pk]


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_stop_a_webhook_once():
    webhooks = [make_failing() for _ in range(4)]
    assert sum(at_once([stop_failing] * 2)) == len(webhooks)
    assert Notice.objects.filter(kind="webhook_stopped").count() == len(webhooks)
    assert AuditEntry.objects.filter(action="webhooks.webhook.stopped").count() == len(webhooks)


def test_an_owner_who_starts_it_again_is_not_stopped_a_minute_later():
    webhook = make_failing()
    stop_failing()
    update_webhook(webhook, values=webhook_values(request_uri=webhook.request_uri, resume=True), by=BY)
    assert stop_failing() == 0
    assert state_of(webhook)[0] == ""
    lane = lane_of(webhook)
    assert (lane.failing_since, lane.failures_in_row, lane.probe_at) == (None, 0, None)


# --- probes ---------------------------------------------------------------------------------------------------------


def test_pauses_between_probes_double_up_to_twelve_hours():
    assert [compute_probe_pause(made) / HOUR for made in (0, 1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 12, 12, 12]


@pytest.fixture
def stopped(loopback: None, receiver: Any, owner: Any, later: Any) -> Webhook:
    """A webhook of the owner's that was stopped an hour ago: its first probe is due."""
    webhook = make_failing(participant=owner.participant, request_uri=receiver.url("/hook?key=CANARY-0123456789"))
    stop_failing()
    later(3601)
    webhook.refresh_from_db()
    return webhook


def test_a_probe_is_not_made_before_its_time(loopback, receiver):
    webhook = make_failing(request_uri=receiver.url("/hook"))
    stop_failing()
    assert probe_stopped() == 0
    assert receiver.requests("/hook") == []
    assert state_of(webhook) == ("failing", "held")


def test_a_2xx_starts_the_webhook_again_and_leaves_what_is_held_to_a_person(stopped, receiver, owner, work):
    assert probe_stopped() == 1
    assert state_of(stopped) == ("", "held")
    (request,) = receiver.requests("/hook")
    assert (request.header("gancho-event-type"), request.header("gancho-cause")) == ("webhook.test", "probe")
    assert request.header("webhook-signature")
    lane = lane_of(stopped)
    assert (lane.failing_since, lane.failures_in_row, lane.probe_at, lane.probes_made) == (None, 0, None, 0)
    entry = AuditEntry.objects.get(action="webhooks.webhook.resumed")
    assert (entry.actor_source, entry.participant) == ("system", owner.participant)
    assert list(Notice.objects.order_by("pk").values_list("kind", flat=True)) == ["webhook_stopped", "webhook_resumed"]
    # What is held goes when somebody says so, and what is new goes at once.
    work()
    assert len(receiver.requests("/hook")) == 1
    new = make_delivery(webhook=stopped, event=make_event())
    work()
    assert Delivery.objects.get(pk=new.pk).state == "delivered"
    release_held(Webhook.objects.get(pk=stopped.pk), "all", by=owner.actor)
    work()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_a_probe_is_kept_as_a_test_that_its_owner_can_read_without_secrets(stopped, receiver):
    receiver.answer("/hook", Answer(500, body=b"no CANARY-0123456789"))
    probe_stopped()
    trial = WebhookTest.objects.get()
    assert (trial.participant, trial.webhook, trial.by) == (stopped.participant, stopped, probing.BY)
    assert (trial.succeeded, trial.response_status, trial.diagnosis) == (False, 500, "server_error")
    assert trial.finished_at
    assert "CANARY" not in str(trial.exchange)


@pytest.mark.parametrize("answer", [Answer(500), Answer(302), Answer(401), Hang(), Reset()])
def test_anything_but_a_2xx_leaves_it_stopped_until_the_next_probe(stopped, receiver, settings, later, answer):
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 0.5
    receiver.answer("/hook", answer)
    before = clock.now()
    assert probe_stopped() == 1
    assert state_of(stopped) == ("failing", "held")
    lane = lane_of(stopped)
    assert lane.probes_made == 1
    assert timedelta() <= lane.probe_at - before - 2 * HOUR < timedelta(seconds=20)
    assert not WebhookTest.objects.get().succeeded
    assert Notice.objects.count() == 1
    # Not again in the next minute, but two hours later.
    assert probe_stopped() == 0
    later(7300)
    assert probe_stopped() == 1
    assert lane_of(stopped).probes_made == 2


def test_a_410_ends_the_probing_and_is_told(stopped, receiver, later):
    receiver.answer("/hook", Answer(410))
    probe_stopped()
    assert state_of(stopped) == ("gone", "held")
    assert lane_of(stopped).probe_at is None
    stops = Notice.objects.filter(kind="webhook_stopped").order_by("pk")
    assert [notice.context["reason"] for notice in stops] == ["failing", "gone"]
    later(30 * 86_400)
    assert probe_stopped() == 0
    assert len(receiver.requests("/hook")) == 1


def test_hanging_receivers_are_waited_for_together(loopback, receiver, later, settings):
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 1
    receiver.answer("/hang", Hang())
    webhooks = [make_failing(request_uri=receiver.url("/hang")) for _ in range(6)]
    well = make_failing(request_uri=receiver.url("/well"))
    stop_failing()
    later(3601)
    started = timezone.now()
    assert probe_stopped() == 7
    assert timezone.now() - started < timedelta(seconds=4)
    assert {state_of(webhook)[0] for webhook in webhooks} == {"failing"}
    assert state_of(well)[0] == ""


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_while_a_receiver_is_waited_for(stopped, receiver, settings):
    """Nor is a probe made twice by two jobs at once."""
    settings.PORTAL_OUTBOUND_DEADLINE_SECONDS = 1
    receiver.answer("/hook", Hang())
    seen: list[Any] = []

    def work() -> None:
        seen.append((probe_stopped(), connection.in_atomic_block))

    thread = threading.Thread(target=lambda: (work(), connection.close()), daemon=True)
    thread.start()
    receiver.wait_for(1, path="/hook")
    assert probe_stopped() == 0
    assert Webhook.objects.filter(pk=stopped.pk).update(description="not locked") == 1
    thread.join(10)
    assert seen == [(1, False)]
    assert len(receiver.requests("/hook")) == 1


def test_who_may_not_be_sent_to_is_not_probed(stopped, receiver, officer):
    Webhook.objects.filter(pk=stopped.pk).update(active=False)
    assert probe_stopped() == 0
    Webhook.objects.filter(pk=stopped.pk).update(active=True)
    block_participant(stopped.participant, reason="test", by=officer.actor)
    assert probe_stopped() == 0
    archive_webhook(stopped, by=BY)
    assert probe_stopped() == 0
    assert receiver.requests("/hook") == []


def test_an_answer_to_a_configuration_that_is_no_more_starts_nothing(stopped, receiver, monkeypatch):
    """Its owner gave it another password while the request was out: the answer says nothing about that one."""
    original = probing.finish_trial

    def change_meanwhile(*args: Any) -> Any:
        values = webhook_values(request_uri=stopped.request_uri, auth_method="none", description="New", max_attempts=7)
        update_webhook(stopped, values=values, by=BY)
        return original(*args)

    monkeypatch.setattr(probing, "finish_trial", change_meanwhile)
    assert probe_stopped() == 1
    assert state_of(stopped)[0] == "failing"


def test_one_that_can_not_be_built_is_noted_and_keeps_no_other_from_being_probed(stopped, receiver, later):
    other = make_failing(request_uri=receiver.url("/well"))
    stop_failing()
    Webhook.objects.filter(pk=stopped.pk).update(auth_method="of the next release")
    later(3601)
    assert probe_stopped() == 1
    assert (state_of(stopped)[0], state_of(other)[0]) == ("failing", "")
    assert WebhookTest.objects.get(webhook=stopped).diagnosis == "auth_method_unknown"


def test_probes_leave_a_participant_most_of_its_tests(loopback, receiver, owner, later):
    for number in range(5):
        make_failing(participant=owner.participant, request_uri=receiver.url(f"/hook{number}"))
    stop_failing()
    later(3601)
    receiver.answer("/mine", Answer(200))
    assert probe_stopped() == probing.PER_PARTICIPANT
    for _ in range(TESTS_PER_MINUTE - probing.PER_PARTICIPANT):
        try_webhook(owner.participant, values=webhook_values(request_uri=receiver.url("/mine")), by=owner.actor)
    # The others have their turn with the next ticks.
    assert probe_stopped() == 5 - probing.PER_PARTICIPANT
    assert probe_stopped() == 0


def test_a_killed_probe_is_made_again_at_the_next_time(stopped, receiver, later, monkeypatch):
    def die(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(probing, "load_plans", die)
        with pytest.raises(KeyboardInterrupt):
            probe_stopped()
    assert probe_stopped() == 0
    later(7300)
    assert probe_stopped() == 1
    assert state_of(stopped)[0] == ""


def test_the_page_of_the_webhook_says_when_it_is_asked_and_what_it_answered(stopped, receiver, owner):
    page = reverse("dispatch:webhook-detail", args=[stopped.uuid])
    words = owner.client.get(page).content.decode()
    assert "the webhook starts again by itself" in words
    assert "The last test" not in words
    receiver.answer("/hook", Answer(500))
    probe_stopped()
    words = owner.client.get(page).content.decode()
    assert f": {DIAGNOSES['server_error'].title}." in words.partition("The last test, on ")[2]
    receiver.answer("/hook", Answer(200))
    Lane.objects.update(probe_at=clock.now())
    probe_stopped()
    assert "starts again by itself" not in owner.client.get(page).content.decode()
