"""Fault 10: who can't prove its name gets nothing, neither notifications nor token requests, and the exact reason is
told. What outbound finds out, and in which words of TLS: tests/outbound/test_tls.py."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import override

from access.actors import Actor
from dispatch.actions import announce
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery
from tests.certificates import Authority, KeyPair, old_tls_context, server_context
from tests.dispatch.issuing import make_source
from tests.factories import make_publication, make_webhook
from tests.people import Person
from tests.receiver import Receiver
from webhooks.diagnosis import DIAGNOSES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
BY = Actor.system("test")
AUTHORITY, STRANGER = Authority(), Authority("Another CA")
GOOD = AUTHORITY.issue("127.0.0.1")

BAD = pytest.mark.parametrize(
    ("pair", "context", "code"),
    [
        (AUTHORITY.issue("127.0.0.1", valid_for=timedelta(days=-2)), server_context, "tls_expired"),
        (AUTHORITY.issue("other.test"), server_context, "tls_wrong_name"),
        (STRANGER.issue("127.0.0.1"), server_context, "tls_unknown_authority"),
        (GOOD, old_tls_context, "tls_too_old"),
    ],
    ids=["expired", "wrong name", "unknown authority", "TLS 1.1"],
)
Context = Callable[[KeyPair], Any]


def work_until_tried(dispatcher: Dispatcher) -> Attempt:
    deadline = time.monotonic() + 20
    dispatcher.wake()
    while not (tried := Attempt.objects.exclude(outcome__in=("", "handed_back")).first()):
        dispatcher.step()
        assert time.monotonic() < deadline
    return tried


@BAD
def test_a_receiver_that_cannot_prove_its_name_gets_nothing_and_the_page_says_why(
    product: Any, loopback: None, dispatcher: Dispatcher, owner: Person, pair: KeyPair, context: Context, code: str
) -> None:
    with Receiver(tls=context(pair)) as receiver:
        url = receiver.url("/hook")
        webhook = make_webhook(
            participant=owner.participant, request_uri=url, products=[product], private_ca=AUTHORITY.pem
        )
        announce(make_publication(product), by=BY)
        attempt = work_until_tried(dispatcher)
        assert receiver.requests() == []
    assert (attempt.diagnosis, attempt.status, attempt.counted, attempt.succeeded) == (code, None, True, False)
    delivery = Delivery.objects.get(webhook=webhook)
    assert (delivery.state, delivery.last_diagnosis) == ("waiting", code)
    page = owner.client.get(
        reverse("dispatch:delivery-detail", args=[delivery.uuid]), headers={"accept-language": "en"}
    ).text
    with override("en"):
        assert escape(str(DIAGNOSES[code].happened)) in page


@BAD
def test_a_token_endpoint_that_cannot_prove_its_name_is_asked_nothing_and_the_reason_is_kept(
    webhook: Any, product: Any, receiver: Receiver, dispatcher: Dispatcher, pair: KeyPair, context: Context, code: str
) -> None:
    with Receiver(tls=context(pair)) as endpoint:
        make_source(endpoint.url("/token"), webhook, private_ca=AUTHORITY.pem)
        announce(make_publication(product), by=BY)
        attempt = work_until_tried(dispatcher)
        assert endpoint.requests() == []
    assert (attempt.outcome, attempt.diagnosis, attempt.detail) == ("not_sent", "token_tls", code)
    assert receiver.requests() == []
