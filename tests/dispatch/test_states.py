"""The transition map over all pairs, and every constraint refused once by the database."""

from itertools import product
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from dispatch.errors import TransitionRefused
from dispatch.models import Attempt, Cause, Delivery, Event, Outcome, ProductStatus, Reason, SendBatch, State
from dispatch.models.deliveries import REASONS, check_transition
from tests.factories import make_delivery, make_event, make_publication, make_webhook

ALLOWED = {
    ("waiting", "delivered"),
    ("waiting", "failed"),
    ("waiting", "cancelled"),
    ("waiting", "held"),
    ("held", "waiting"),
    ("held", "cancelled"),
}


@pytest.mark.parametrize(("before", "after"), list(product(State.values, State.values)))
def test_only_the_named_transitions_are_allowed(before, after):
    if (before, after) in ALLOWED:
        check_transition(before, after)
    else:
        with pytest.raises(TransitionRefused):
            check_transition(before, after)


def refused(**changes):
    delivery = make_delivery()
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(**changes)


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "reason"), list(product(State.values, ["", *Reason.values])))
def test_the_database_knows_which_reason_belongs_to_which_state(state, reason):
    if reason in REASONS[state]:
        return
    final = state in ("delivered", "failed", "cancelled")
    refused(
        state=state,
        reason=reason,
        due_at=timezone.now() if state == "waiting" else None,
        finished_at=timezone.now() if final else None,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"state": "sleeping"},
        {"cause": "because"},
        {"due_at": None},
        {"finished_at": timezone.now()},
        {"state": "delivered", "due_at": None},
        {"state": "delivered", "finished_at": timezone.now()},
        {"state": "held", "reason": "webhook_inactive", "due_at": None, "lease_token": uuid4()},
    ],
    ids=", ".join,
)
def test_the_database_refuses_half_states(changes):
    refused(**changes)


@pytest.mark.django_db
def test_one_automatic_delivery_per_event_and_webhook():
    delivery = make_delivery()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_delivery(webhook=delivery.webhook, event=delivery.event)


@pytest.mark.django_db
def test_one_manual_delivery_waits_per_webhook_and_subject():
    first = make_delivery(cause=Cause.ENVIAR)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_delivery(webhook=first.webhook, event=first.event, cause=Cause.REENVIAR)
    Delivery.objects.filter(pk=first.pk).update(state=State.DELIVERED, due_at=None, finished_at=timezone.now())
    make_delivery(webhook=first.webhook, event=first.event, cause=Cause.ENVIAR)


@pytest.mark.django_db
def test_an_event_is_recorded_once_per_source_and_once_per_publication():
    publication = make_publication()
    event = make_event(publication=publication, source="catalog", dedupe_key="publication:1")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_event(source="catalog", dedupe_key="publication:1")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_event(publication=publication)
    make_event(publication=publication, mode="test")
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(mode="pretend")


@pytest.mark.django_db
def test_attempts_are_numbered_closed_and_counted_by_rule():
    delivery = make_delivery()
    values = {"delivery": delivery, "webhook": delivery.webhook, "lease_token": uuid4(), "slot_at": timezone.now()}
    attempt = Attempt.objects.create(number=1, **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.create(number=1, **values)
    for changes in (
        {"outcome": "maybe", "finished_at": timezone.now()},
        {"outcome": Outcome.ANSWERED},
        {"finished_at": timezone.now()},
        {"outcome": Outcome.UNKNOWN, "finished_at": timezone.now()},
        {"outcome": Outcome.HANDED_BACK, "finished_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Attempt.objects.filter(pk=attempt.pk).update(**changes)


@pytest.mark.django_db
def test_one_status_per_webhook_and_product_and_batches_of_known_kind():
    publication = make_publication()
    delivery = make_delivery(event=make_event(publication=publication))
    values = {"webhook": delivery.webhook, "product": publication.product, "delivery": delivery}
    ProductStatus.objects.create(state="waiting", changed_at=timezone.now(), **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        ProductStatus.objects.create(state="waiting", changed_at=timezone.now(), **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        SendBatch.objects.create(webhook=make_webhook(), kind=Cause.AUTOMATIC)
