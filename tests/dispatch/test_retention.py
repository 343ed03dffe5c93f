"""What is old goes, in chunks; what is needed stays, however old."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from access.actors import Actor
from dispatch import checks, clock, retention
from dispatch.actions import announce
from dispatch.models import Attempt, Cause, Delivery, Event, Lane, Outcome, ProductStatus, SendBatch, State
from dispatch.sending import Press, send_product
from tests.factories import make_delivery, make_event, make_product, make_publication, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db

BY = Actor.system("test")


def ago(days: float) -> datetime:
    return clock.now() - timedelta(days=days)


def make_ended(days: float, **over: Any) -> Delivery:
    """A delivery that was made and delivered so many days ago, with its attempt and its body."""
    at = ago(days)
    ended = {"state": State.DELIVERED, "due_at": None, "created_at": at, "finished_at": at}
    over.setdefault("event", None)
    over["event"] = over["event"] or make_other_event()
    delivery = make_delivery(body=b"{}", body_format="documented", attempts_made=1, **ended | over)
    make_attempt(delivery, at)
    return delivery


def make_other_event() -> Event:
    """One that tells of no publication."""
    event = make_event(type="client-transaction", subject=f"process:{uuid4()}", payload="{}")
    Event.objects.filter(pk=event.pk).update(publication=None)
    event.refresh_from_db()
    return event


def make_attempt(delivery: Delivery, at: datetime) -> Attempt:
    values = {"lease_token": uuid4(), "outcome": Outcome.ANSWERED, "succeeded": True, "status": 200}
    return Attempt.objects.create(
        delivery=delivery, webhook=delivery.webhook, number=1, slot_at=at, finished_at=at, **values
    )


def kept() -> set[int]:
    return set(Delivery.objects.values_list("pk", flat=True))


# --- deliveries and attempts


def test_deliveries_and_their_attempts_go_after_ninety_days() -> None:
    webhook = make_webhook()
    make_ended(90.1, webhook=webhook)
    young = make_ended(89.9, webhook=webhook)
    assert retention.purge().removed["deliveries"] == 1
    assert kept() == {young.pk}
    assert set(Attempt.objects.values_list("delivery", flat=True)) == {young.pk}


def test_the_days_are_a_setting(settings: Any) -> None:
    settings.PORTAL_KEEP_DELIVERIES_DAYS, settings.PORTAL_KEEP_BODIES_DAYS = 10, 10
    make_ended(10.1)
    young = make_ended(9.9)
    retention.purge()
    assert kept() == {young.pk}


@pytest.mark.parametrize(
    ("state", "reason", "goes"),
    [
        (State.DELIVERED, "", True),
        (State.FAILED, "exhausted", True),
        (State.CANCELLED, "superseded", True),
        (State.HELD, "webhook_stopped", False),
        (State.WAITING, "", False),
    ],
)
def test_only_what_is_at_an_end_goes(state: str, reason: str, goes: bool) -> None:
    old = make_ended(200, state=state, reason=reason) if goes else make_open(200, state, reason)
    retention.purge()
    assert (old.pk in kept()) is not goes


def make_open(days: float, state: str, reason: str) -> Delivery:
    due_at = ago(days) if state == State.WAITING else None
    return make_delivery(
        state=state, reason=reason, due_at=due_at, created_at=ago(days), body=b"{}", body_format="documented"
    )


def test_one_that_was_open_when_it_was_passed_goes_once_it_has_been_at_an_end_for_as_long(
    later: Callable[[float], None],
) -> None:
    late = make_open(200, State.HELD, "webhook_stopped")
    retention.purge()
    Delivery.objects.filter(pk=late.pk).update(state=State.DELIVERED, reason="", finished_at=clock.now())
    later(89 * 86_400)
    retention.purge()
    assert kept() == {late.pk}
    later(2 * 86_400)
    retention.purge()
    assert not kept()


def test_the_last_delivery_of_a_product_stays_and_the_ones_before_it_go() -> None:
    webhook, product = make_webhook(), make_product()
    before = make_ended(200, webhook=webhook, event=make_event(publication=make_publication(product)))
    last = make_ended(190, webhook=webhook, event=make_event(publication=make_publication(product)))
    ProductStatus.objects.create(
        webhook=webhook, product=product, delivery=last, state=State.DELIVERED, changed_at=ago(190)
    )
    retention.purge()
    assert kept() == {last.pk}
    assert ProductStatus.objects.get().delivery == last
    assert last.attempts.count() == 1
    assert before.pk not in kept()


def test_a_last_delivery_goes_a_day_after_a_newer_one_took_its_place(later: Callable[[float], None]) -> None:
    last = make_ended(190)
    status = ProductStatus.objects.create(
        webhook=last.webhook, product=make_product(), delivery=last, state=State.DELIVERED, changed_at=ago(190)
    )
    retention.purge()
    newer = make_ended(0, webhook=last.webhook)
    ProductStatus.objects.filter(pk=status.pk).update(delivery=newer)
    later(86_401)
    retention.purge()
    assert kept() == {newer.pk}


def test_a_run_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    monkeypatch.setattr(retention, "CHUNKS_PER_RUN", 2)
    webhook = make_webhook()
    for _number in range(7):
        make_ended(100, webhook=webhook)
    left = []
    for _run in range(3):
        retention.purge()
        left.append(len(kept()))
    assert left == [3, 0, 0]


def test_what_must_stay_stops_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 1)
    monkeypatch.setattr(retention, "CHUNKS_PER_RUN", 1)
    stays = [make_open(100, State.HELD, "webhook_stopped") for _number in range(3)]
    make_ended(100)
    for _run in range(4):
        assert retention.purge().unfinished
    assert kept() == {delivery.pk for delivery in stays}
    assert not retention.purge().unfinished


def test_a_chunk_that_fails_leaves_the_ones_before_it_and_is_done_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 1)
    first, second = make_ended(100), make_ended(100)
    counted = retention.tallies.count_removed

    def fail(ids: list[int]) -> None:
        if ids == [second.pk]:
            raise RuntimeError("killed")
        counted(ids)

    monkeypatch.setattr(retention.tallies, "count_removed", fail)
    with pytest.raises(RuntimeError):
        retention.purge()
    assert kept() == {second.pk}
    assert second.attempts.exists()
    assert not Delivery.objects.filter(pk=first.pk).exists()
    monkeypatch.undo()
    retention.purge()
    assert not kept()


def test_the_database_itself_refuses_to_lose_what_is_pointed_to() -> None:
    delivery = make_ended(200)

    @transaction.atomic
    def remove() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM dispatch_delivery WHERE id = %s", [delivery.pk])
        # The foreign keys are looked at when the transaction ends.
        connection.check_constraints()

    with pytest.raises(IntegrityError):
        remove()


@pytest.mark.postgres
def test_a_run_reads_by_the_primary_key_and_not_the_table() -> None:
    webhook = make_webhook()
    for _number in range(3):
        make_ended(1, webhook=webhook)
    rows = Delivery.objects.filter(pk__gt=0).order_by("pk").values_list("pk", "created_at")[: retention.CHUNK]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "dispatch_delivery_pkey" in rows.explain()


# --- bodies


def test_bodies_go_after_thirty_days_and_the_rows_stay() -> None:
    webhook = make_webhook()
    old, young = make_ended(30.1, webhook=webhook), make_ended(29.9, webhook=webhook)
    assert retention.purge().removed["bodies"] == 1
    bodies = dict(Delivery.objects.values_list("pk", "body"))
    assert (bodies[old.pk], bytes(bodies[young.pk])) == (None, b"{}")
    assert old.attempts.count() == 1


def test_what_was_answered_goes_with_the_bodies_of_whatever_delivery(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    old, young = make_ended(30.1, webhook=webhook), make_ended(29.9, webhook=webhook)
    Attempt.objects.update(response_body="thanks, Ana")
    assert retention.count_old()["answers"] == 1
    assert retention.purge().removed["answers"] == 1
    assert retention.purge().removed["answers"] == 0
    assert [attempt.response_body for attempt in (*old.attempts.all(), *young.attempts.all())] == ["", "thanks, Ana"]
    page = owner.client.get(reverse("dispatch:delivery-detail", args=[old.uuid])).content.decode()
    assert "What was answered is kept for 30 days." in page


def test_a_delivery_that_will_be_tried_again_keeps_its_bytes() -> None:
    old = make_open(40, State.HELD, "webhook_stopped")
    retention.purge()
    old.refresh_from_db()
    assert bytes(old.body or b"") == b"{}"


def test_the_page_says_that_the_body_was_removed(owner: Person, officer: Person) -> None:
    delivery = make_ended(31, webhook=make_webhook(participant=owner.participant))
    page = reverse("dispatch:delivery-detail", args=[delivery.uuid])
    assert "The body was removed" not in owner.client.get(page).content.decode()
    retention.purge()
    assert "The body was removed after 30 days." in owner.client.get(page).content.decode()
    shown = officer.client.get(reverse("admin:dispatch_delivery_change", args=[delivery.pk]))
    assert "Removed after 30 days" in shown.content.decode()


def test_the_body_may_be_gone_and_the_product_is_sent_again_all_the_same() -> None:
    webhook, product = make_webhook(), make_product()
    webhook.product_subscriptions.create(product=product)
    announce(make_publication(product), by=BY)
    Delivery.objects.update(
        state=State.DELIVERED,
        due_at=None,
        created_at=ago(200),
        finished_at=ago(200),
        body=b"{}",
        body_format="documented",
    )
    Event.objects.update(recorded_at=ago(200))
    retention.purge()
    assert Delivery.objects.get().body is None
    sending = send_product(webhook, product, by=BY)
    assert sending.press is Press.CREATED
    assert sending.delivery.body is None
    assert sending.delivery.event == Event.objects.get()


# --- events and batches


def test_an_event_goes_when_its_last_delivery_has_gone() -> None:
    event = make_other_event()
    make_ended(100, event=event)
    Event.objects.filter(pk=event.pk).update(recorded_at=ago(100))
    assert retention.purge().removed["events"] == 1
    assert not Event.objects.exists()


def test_an_event_whose_delivery_stays_stays() -> None:
    delivery = make_open(200, State.HELD, "webhook_stopped")
    Event.objects.update(recorded_at=ago(200), publication=None)
    retention.purge()
    assert Event.objects.get() == delivery.event


def test_the_event_of_a_publication_stays_though_nothing_of_it_is_left() -> None:
    webhook, product = make_webhook(), make_product()
    webhook.product_subscriptions.create(product=product)
    make_ended(200, webhook=webhook, event=make_event(publication=make_publication(product)))
    Event.objects.update(recorded_at=ago(200))
    retention.purge()
    assert not kept()
    assert send_product(webhook, product, by=BY).press is Press.CREATED


def test_a_test_event_of_a_publication_goes() -> None:
    event = make_event(publication=make_publication(), mode="test")
    Event.objects.filter(pk=event.pk).update(recorded_at=ago(91))
    retention.purge()
    assert not Event.objects.exists()


def test_a_batch_goes_with_its_last_delivery() -> None:
    delivery = make_ended(100)
    batch = SendBatch.objects.create(webhook=delivery.webhook, kind=Cause.ENVIAR_TUDO)
    other = SendBatch.objects.create(webhook=delivery.webhook, kind=Cause.ENVIAR_TUDO)
    SendBatch.objects.update(created_at=ago(100))
    young = SendBatch.objects.create(webhook=delivery.webhook, kind=Cause.ENVIAR_TUDO)
    held = make_open(100, State.HELD, "webhook_stopped")
    Delivery.objects.filter(pk=delivery.pk).update(batch=batch)
    Delivery.objects.filter(pk=held.pk).update(batch=other)
    retention.purge()
    assert set(SendBatch.objects.all()) == {other, young}


# --- everything else


def test_nothing_of_a_lane_or_a_lease_is_touched() -> None:
    leased = make_delivery(lease_token=uuid4(), due_at=ago(200), created_at=ago(200))
    before = list(Lane.objects.values())
    retention.purge()
    assert list(Lane.objects.values()) == before
    assert Delivery.objects.get() == leased


def test_the_command_goes_on_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(retention, "CHUNK", 1)
    monkeypatch.setattr(retention, "CHUNKS_PER_RUN", 1)
    webhook = make_webhook()
    make_open(100, State.HELD, "webhook_stopped")
    for _number in range(3):
        make_ended(100, webhook=webhook)
    call_command("purge", dry_run=True)
    assert "3 bodies, 0 answers, 3 deliveries, 0 events, 0 batches would be removed" in capsys.readouterr().out
    assert len(kept()) == 4
    call_command("purge")
    assert "3 bodies, 0 answers, 3 deliveries, 0 events, 0 batches removed" in capsys.readouterr().out
    assert len(kept()) == 1


@pytest.mark.parametrize(
    ("link", "bodies", "rows", "fine"), [(7, 30, 90, True), (7, 7, 7, True), (7, 91, 90, False), (31, 30, 90, False)]
)
def test_settings_that_would_remove_what_is_needed_stop_the_start(
    settings: Any, link: int, bodies: int, rows: int, fine: bool
) -> None:
    settings.PORTAL_DOWNLOAD_LINK_DAYS = link
    settings.PORTAL_KEEP_BODIES_DAYS, settings.PORTAL_KEEP_DELIVERIES_DAYS = bodies, rows
    assert [error.id for error in checks.check_retention(None)] == ([] if fine else ["dispatch.E004"])


def test_pages_hold_together_when_everything_old_is_gone(owner: Person, client: Client) -> None:
    webhook = make_webhook(participant=owner.participant)
    make_ended(200, webhook=webhook)
    retention.purge()
    for name, args in (("webhook-detail", [webhook.uuid]), ("delivery-list", [])):
        assert owner.client.get(reverse(f"dispatch:{name}", args=args)).status_code == 200
