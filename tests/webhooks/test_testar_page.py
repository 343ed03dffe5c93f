"""Testar from the form: the card that htmx swaps in, the page without JavaScript, who may press it."""

import json
from typing import Any

import pytest

from tests.factories import make_webhook
from tests.people import Person
from tests.receiver import Answer, Receiver
from tests.webhooks.pages import posted, text, url
from webhooks.models import Webhook, WebhookTest
from webhooks.values import HeaderValues

pytestmark = pytest.mark.usefixtures("loopback")
HTMX = {"HX-Request": "true"}
CANARY = "CANARY-aa11bb22"


def press(person: Person, htmx: bool = True, **over: Any) -> Any:
    return person.client.post(url("webhook-test"), posted(**over), headers=HTMX if htmx else {})


def test_the_unsaved_form_is_sent_and_the_card_tells_each_step(owner: Person, receiver: Receiver) -> None:
    response = press(owner, request_uri=receiver.url("/hook"), headers=[("X-Key", "v1")])
    card = text(response)
    assert receiver.wait_for(1)[0].header("X-Key") == "v1"
    for words in ("Delivered: response 200", "Name found", "Connected", "No TLS", "Response 200"):
        assert words in card
    assert 'data-announce="Test delivered: response 200"' in card
    assert "<form" not in card
    assert not Webhook.objects.exists()


def test_a_failure_is_explained(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(401))
    over = {"auth_method": "secret", "secret-secret": CANARY}
    card = text(press(owner, request_uri=receiver.url("/hook"), **over))
    assert "Not authorised: 401" in card
    assert "What to do" in card
    assert CANARY not in card


def test_without_javascript_the_whole_page_comes_back_with_result_and_form(owner: Person, receiver: Receiver) -> None:
    page = text(press(owner, htmx=False, request_uri=receiver.url("/hook"), description="Digitada"))
    assert "Delivered: response 200" in page
    assert 'value="Digitada"' in page
    assert not Webhook.objects.exists()


def test_only_what_the_request_needs_must_be_right(owner: Person, receiver: Receiver) -> None:
    over = {"description": "", "max_attempts": "99", "notify_suspect_score": None}
    assert "Delivered: response 200" in text(press(owner, request_uri=receiver.url(), **over))


def test_what_must_be_corrected_first_is_named_and_nothing_is_sent(owner: Person) -> None:
    card = text(press(owner, request_uri="ftp://x", headers=[("Host", "1")]))
    assert "Not tested" in card
    assert 'href="#id_request_uri"' in card
    assert 'href="#id_headers-0-name"' in card
    assert not WebhookTest.objects.exists()


def test_x_3_stored_secrets_are_used_and_not_shown(owner: Person, receiver: Receiver) -> None:
    webhook = make_webhook(
        participant=owner.participant,
        request_uri=receiver.url("/before"),
        auth_method="secret",
        auth_secrets={"secret": CANARY},
        headers=(HeaderValues("X-Key", CANARY + "-2"),),
    )
    rows = [("X-Key", "", True, webhook.headers.get().uuid)]
    over = {"auth_method": "secret", "webhook": str(webhook.uuid), "headers": rows}
    card = text(press(owner, request_uri=receiver.url("/hook"), **over))
    (got,) = receiver.wait_for(1)
    assert (got.header("Authorization"), got.header("X-Key")) == (CANARY, CANARY + "-2")
    assert "CANARY" not in card
    assert WebhookTest.objects.get().webhook == webhook


def test_x_4_nobody_tests_with_another_participants_secrets(
    owner: Person, outsider: Person, receiver: Receiver
) -> None:
    webhook = make_webhook(participant=owner.participant, auth_method="secret", auth_secrets={"secret": CANARY})
    over = {"auth_method": "secret", "webhook": str(webhook.uuid)}
    assert press(outsider, request_uri=receiver.url(), **over).status_code == 404
    assert press(outsider, request_uri=receiver.url(), webhook="nonsense").status_code == 404
    assert receiver.requests() == []
    assert not WebhookTest.objects.exists()


def test_x_4_a_viewer_cannot_test(viewer: Person, receiver: Receiver) -> None:
    assert press(viewer, request_uri=receiver.url()).status_code == 403
    assert receiver.requests() == []


def test_a_get_is_refused(owner: Person) -> None:
    assert owner.client.get(url("webhook-test")).status_code == 405


def test_the_eleventh_in_a_minute_is_told_to_wait(owner: Person, receiver: Receiver) -> None:
    cards = [text(press(owner, request_uri=receiver.url())) for _ in range(11)]
    assert ["Delivered" in card for card in cards] == [True] * 10 + [False]
    assert "At most 10 tests a minute" in cards[-1]


def test_the_sample_file_of_a_test_can_be_fetched(owner: Person, receiver: Receiver, settings: Any) -> None:
    press(owner, request_uri=receiver.url())
    link = json.loads(receiver.wait_for(1)[0].body)["Uri"]
    path = link.removeprefix(settings.PORTAL_BASE_URL + settings.STATIC_URL)
    assert (settings.BASE_DIR / "static" / path).is_file()
