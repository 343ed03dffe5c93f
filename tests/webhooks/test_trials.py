"""Testar against the real receiver: the request of a delivery, explained step by step, kept without secrets."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks import Webhook as Reference

from access.models import AuditEntry
from outbound.trace import list_steps
from tests.factories import make_webhook, webhook_values
from tests.people import Person
from tests.receiver import Answer, Receiver
from vault.kept import KEPT
from webhooks.actions import update_webhook
from webhooks.errors import InvalidWebhook, TooManyTests
from webhooks.models import Webhook, WebhookTest
from webhooks.trials import try_webhook
from webhooks.values import HeaderValues

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]
CANARY = "CANARY-0a1b2c3d"


def test_unico_01_cerc_16_the_receiver_gets_a_post_like_any_delivery(owner: Person, receiver: Receiver) -> None:
    values = webhook_values(request_uri=receiver.url("/hook"), headers=(HeaderValues("X-Canal", "m", secret=False),))
    trial = try_webhook(owner.participant, values=values, by=owner.actor)
    (got,) = receiver.wait_for(1)
    assert (got.method, got.path) == ("POST", "/hook")
    assert got.header("webhook-id") == f"msg_{trial.uuid}"
    assert got.header("gancho-event-type") == "webhook.test"
    assert got.header("gancho-cause") == "testar"
    assert got.header("X-Canal") == "m"
    assert set(json.loads(got.body)) >= {"DataProduto", "Nome", "Uri", "url"}
    assert (trial.succeeded, trial.response_status, trial.diagnosis) == (True, 200, "")
    assert trial.finished_at is not None


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"auth_method": "none"}, None),
        ({"auth_method": "secret", "auth_secrets": {"secret": CANARY}}, CANARY),
        (
            {"auth_method": "basic", "auth_settings": {"username": "u"}, "auth_secrets": {"password": "p"}},
            "Basic dTpw",
        ),
    ],
    ids=["unico-16 nenhuma", "unico-17 secret", "ons-08 basic"],
)
def test_each_method_reaches_the_receiver(
    owner: Person, receiver: Receiver, over: dict[str, Any], expected: str | None
) -> None:
    try_webhook(owner.participant, values=webhook_values(request_uri=receiver.url(), **over), by=owner.actor)
    assert receiver.wait_for(1)[0].header("Authorization") == expected


def test_a_saved_webhook_is_tested_with_its_kept_secrets_and_its_own_signature(
    owner: Person, receiver: Receiver
) -> None:
    webhook = make_webhook(
        participant=owner.participant,
        request_uri=receiver.url("/before"),
        auth_method="secret",
        auth_secrets={"secret": CANARY},
        headers=(HeaderValues("X-Key", CANARY + "-2"),),
    )
    kept = (HeaderValues("X-Key", KEPT, uuid=webhook.headers.get().uuid),)
    values = webhook_values(
        request_uri=receiver.url(), auth_method="secret", auth_secrets={"secret": KEPT}, headers=kept
    )
    trial = try_webhook(owner.participant, values=values, webhook=webhook, by=owner.actor)
    (got,) = receiver.wait_for(1)
    assert got.header("Authorization") == CANARY
    assert got.header("X-Key") == CANARY + "-2"
    assert Reference(webhook.signing_secret).verify(got.body, dict(got.headers))
    assert trial.exchange["temporary_signature"] is False


def test_x_3_a_kept_secret_goes_to_no_other_receiver(owner: Person, receiver: Receiver) -> None:
    """Neither by Testar nor by saving, unless whoever changes the address knows it."""
    secrets: dict[str, Any] = {"auth_method": "secret", "auth_secrets": {"secret": CANARY}}
    webhook = make_webhook(participant=owner.participant, headers=(HeaderValues("X-Key", CANARY + "-2"),), **secrets)
    kept = (HeaderValues("X-Key", KEPT, uuid=webhook.headers.get().uuid),)
    moved = webhook_values(request_uri=receiver.url("/hook"), auth_method="secret", headers=kept)
    for act in (
        lambda: try_webhook(owner.participant, values=moved, webhook=webhook, by=owner.actor),
        lambda: update_webhook(webhook, values=moved, by=owner.actor),
    ):
        with pytest.raises(InvalidWebhook) as refused:
            act()
        found = [(problem.field, problem.code) for problem in refused.value.problems]
        assert found == [("auth.secret", "secret_elsewhere"), ("headers.0.value", "secret_elsewhere")]
    assert receiver.requests() == []
    again = replace(moved, headers=(HeaderValues("X-Key", CANARY + "-2"),), **secrets)
    try_webhook(owner.participant, values=again, webhook=webhook, by=owner.actor)
    assert receiver.wait_for(1)[0].header("X-Key") == CANARY + "-2"


def test_an_unsaved_webhook_is_signed_with_a_passing_secret_and_says_so(owner: Person, receiver: Receiver) -> None:
    trial = try_webhook(owner.participant, values=webhook_values(request_uri=receiver.url()), by=owner.actor)
    assert trial.exchange["temporary_signature"] is True
    assert trial.webhook is None


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthorized_secret"), (404, "not_found"), (302, "redirected"), (500, "server_error")]
)
def test_a_refusal_is_diagnosed(owner: Person, receiver: Receiver, status: int, code: str) -> None:
    receiver.answer("/hook", Answer(status))
    values = webhook_values(request_uri=receiver.url("/hook"), auth_method="secret", auth_secrets={"secret": CANARY})
    trial = try_webhook(owner.participant, values=values, by=owner.actor)
    assert (trial.succeeded, trial.response_status, trial.diagnosis) == (False, status, code)
    steps = list_steps(trial.exchange)
    assert [step.ok for step in steps] == [True, True, True, False]
    assert str(status) in steps[-1].label


def test_a_closed_port_is_told_apart_from_an_answer(owner: Person) -> None:
    with Receiver() as gone:
        url = gone.url()
    trial = try_webhook(owner.participant, values=webhook_values(request_uri=url), by=owner.actor)
    assert (trial.diagnosis, trial.response_status) == ("connection_refused", None)
    assert [step.ok for step in list_steps(trial.exchange)] == [True, False]


def test_x_2_x_3_what_is_kept_of_it_holds_no_secret(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(500, body=f"I got {CANARY}".encode(), headers=[("X-Echo", CANARY)]))
    values = webhook_values(
        request_uri=receiver.url("/hook?token=QUERYSECRET"),
        auth_method="secret",
        auth_secrets={"secret": CANARY},
        headers=(HeaderValues("X-Key", CANARY + "-2"),),
    )
    trial = try_webhook(owner.participant, values=values, by=owner.actor)
    stored = json.dumps(WebhookTest.objects.get(pk=trial.pk).exchange)
    audited = str(AuditEntry.objects.get(action="webhooks.webhook.tested").after)
    for text in (stored, audited):
        assert "CANARY" not in text
        assert "QUERYSECRET" not in text
        assert "whsec_" not in text


def test_what_a_private_network_answers_is_not_kept(owner: Person, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(200, body=b"inner secrets", headers=[("X-Inner", "inner secrets")]))
    trial = try_webhook(owner.participant, values=webhook_values(request_uri=receiver.url("/hook")), by=owner.actor)
    assert trial.exchange["response"]["private"] is True
    assert "inner secrets" not in json.dumps(trial.exchange)


def test_an_address_that_is_not_allowed_is_refused_before_anything_is_sent(owner: Person) -> None:
    values = webhook_values(request_uri="http://169.254.169.254/latest")
    with pytest.raises(InvalidWebhook) as caught:
        try_webhook(owner.participant, values=values, by=owner.actor)
    assert caught.value.code == "refused_address"
    assert not WebhookTest.objects.exists()


def test_a_description_is_not_needed_for_a_test(owner: Person, receiver: Receiver) -> None:
    values = webhook_values(request_uri=receiver.url(), description="")
    assert try_webhook(owner.participant, values=values, by=owner.actor).succeeded


def test_inactive_and_stopped_webhooks_can_be_tested(owner: Person, receiver: Receiver) -> None:
    webhook = make_webhook(
        participant=owner.participant, active=False, stopped_at=timezone.now(), stopped_reason="gone"
    )
    values = webhook_values(request_uri=receiver.url(), active=False)
    assert try_webhook(owner.participant, values=values, webhook=webhook, by=owner.actor).succeeded
    assert Webhook.objects.get().stopped


def test_ten_tests_a_minute_per_participant(owner: Person, outsider: Person, receiver: Receiver) -> None:
    now = timezone.now()
    rows = [WebhookTest(participant=owner.participant, by="x", at=now - timedelta(seconds=30)) for _ in range(10)]
    WebhookTest.objects.bulk_create(rows)
    values = webhook_values(request_uri=receiver.url())
    with pytest.raises(TooManyTests):
        try_webhook(owner.participant, values=values, by=owner.actor)
    assert receiver.requests() == []
    assert try_webhook(outsider.participant, values=values, by=outsider.actor).succeeded
    WebhookTest.objects.filter(participant=owner.participant).update(at=now - timedelta(seconds=61))
    assert try_webhook(owner.participant, values=values, by=owner.actor).succeeded
