"""One request: its headers, its signature, what is masked of it, and how little work it is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook as Reference

from connections.tokens import Token
from outbound import client, outcomes
from outbound.masking import MASK
from tests.factories import make_connection, make_webhook
from tests.receiver import Receiver
from webhooks.actions import reveal_signing_secret, rotate_signing_secret
from webhooks.models import Webhook
from webhooks.plans import SendPlan
from webhooks.sending import Message, PlanError, build_request, load_plans, redacted_headers
from webhooks.values import HeaderValues

CANARY = "CANARY-5e0c1d2f"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def plan_of(webhook: Webhook) -> SendPlan:
    plan = load_plans([webhook.pk])[webhook.pk]
    assert isinstance(plan, SendPlan)
    return plan


def message(**over: Any) -> Message:
    fields = {"event_type": "publication.published", "cause": "automatic", "body": b'{"a":1}'}
    return Message(**{"message_id": uuid4(), "event_id": uuid4()} | fields | over)


@pytest.fixture
def webhook(db: None) -> Webhook:
    return make_webhook(
        auth_method="secret",
        auth_secrets={"secret": CANARY},
        headers=(HeaderValues("X-Canal", "meridiano", secret=False), HeaderValues("X-Key", CANARY + "-2")),
    )


def test_every_request_carries_the_standard_headers(webhook: Webhook) -> None:
    sent = message()
    request = build_request(plan_of(webhook), sent, timezone.now())
    headers = dict(request.headers)
    assert request.method == "POST"
    assert request.url == "https://hook.example.com/in"
    assert request.body == sent.body
    assert headers["webhook-id"] == f"msg_{sent.message_id}"
    assert headers["gancho-event-id"] == str(sent.event_id)
    assert headers["gancho-event-type"] == "publication.published"
    assert headers["gancho-cause"] == "automatic"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == f"Gancho/{settings.PORTAL_VERSION}"


def test_unico_19_secret_and_own_headers_go_out_together(webhook: Webhook) -> None:
    headers = dict(build_request(plan_of(webhook), message(), timezone.now()).headers)
    assert headers["Authorization"] == CANARY
    assert headers["X-Canal"] == "meridiano"
    assert headers["X-Key"] == CANARY + "-2"


def test_cerc_14_ten_own_headers_go_out_in_their_order(db: None) -> None:
    names = [f"X-{number}" for number in range(10)]
    webhook = make_webhook(headers=tuple(HeaderValues(name, "v") for name in names))
    request = build_request(plan_of(webhook), message(), timezone.now())
    assert [name for name, _ in request.headers][:10] == names


def test_own_content_type_and_user_agent_replace_ours(db: None) -> None:
    own = (HeaderValues("content-type", "text/plain", secret=False), HeaderValues("USER-AGENT", "me", secret=False))
    request = build_request(plan_of(make_webhook(headers=own)), message(), timezone.now())
    names = [name.lower() for name, _ in request.headers]
    assert names.count("content-type") == names.count("user-agent") == 1


def test_the_signature_verifies_with_the_webhooks_secret(webhook: Webhook) -> None:
    request = build_request(plan_of(webhook), message(), timezone.now())
    assert Reference(webhook.signing_secret).verify(request.body, dict(request.headers)) == {"a": 1}


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_only_the_new_one(webhook: Webhook, owner: Any) -> None:
    old = reveal_signing_secret(webhook, by=owner.actor)
    rotated = rotate_signing_secret(webhook, by=owner.actor)
    plan, now = plan_of(rotated), timezone.now()
    during = dict(build_request(plan, message(), now).headers)
    assert Reference(old).verify(b'{"a":1}', during)
    assert Reference(rotated.signing_secret).verify(b'{"a":1}', during)
    after = dict(build_request(plan, message(), now + timedelta(hours=25)).headers)
    assert len(after["webhook-signature"].split()) == 1


def test_x_2_secrets_are_masked_in_what_is_stored(webhook: Webhook) -> None:
    plan = plan_of(webhook)
    stored = redacted_headers(plan, build_request(plan, message(), timezone.now()))
    assert ["Authorization", MASK] in stored
    assert ["X-Canal", "meridiano"] in stored
    assert ["X-Key", MASK] in stored
    assert "CANARY" not in str(stored)


def test_x_3_a_secret_written_into_a_visible_header_is_masked_by_value(db: None) -> None:
    headers = (HeaderValues("X-Open", f"key={CANARY}", secret=False),)
    plan = plan_of(make_webhook(auth_method="secret", auth_secrets={"secret": CANARY}, headers=headers))
    assert ["X-Open", f"key={MASK}"] in redacted_headers(plan, build_request(plan, message(), timezone.now()))


def test_x_3_no_repr_shows_a_secret(webhook: Webhook) -> None:
    plan = plan_of(webhook)
    request = build_request(plan, message(), timezone.now())
    shown = f"{plan!r} {request!r} {plan.own_headers!r} {plan.redactor!r} {webhook!r}"
    assert "CANARY" not in shown
    assert "whsec_" not in shown


def test_plans_of_many_webhooks_take_two_queries(db: None, django_assert_num_queries: Any) -> None:
    webhooks = [make_webhook(headers=(HeaderValues("X-A", "b"),)) for _ in range(5)]
    with django_assert_num_queries(2):
        plans = load_plans([webhook.pk for webhook in webhooks])
    assert {plan.webhook_id for plan in plans.values() if isinstance(plan, SendPlan)} == {w.pk for w in webhooks}


def test_a_webhook_that_does_not_exist_has_a_plan_error(db: None) -> None:
    assert load_plans([12345]) == {12345: PlanError("webhook_missing")}


def test_one_unreadable_secret_spoils_only_its_own_webhook(webhook: Webhook) -> None:
    other = make_webhook()
    # Another row's ciphertext: it is genuine, but sealed for somewhere else.
    Webhook.objects.filter(pk=webhook.pk).update(signing_secret=other.signing_secret_sealed)
    plans = load_plans([webhook.pk, other.pk])
    broken = plans[webhook.pk]
    assert isinstance(broken, PlanError)
    assert broken.code == "secret_unreadable"
    assert isinstance(plans[other.pk], SendPlan)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"auth_method": "quantum"}, "auth_method_unknown"),
        ({"auth_method": "basic", "auth_settings": {"username": "u"}}, "auth_incomplete"),
        ({"auth_settings": {"header_name": "Host"}}, "auth_incomplete"),
    ],
)
def test_a_configuration_spoiled_behind_the_forms_back_is_a_plan_error(
    webhook: Webhook, columns: dict[str, Any], code: str
) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(**columns)
    plan = load_plans([webhook.pk])[webhook.pk]
    assert isinstance(plan, PlanError)
    assert plan.code == code


def test_private_authority_goes_into_the_request(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(private_ca="PEM")
    request = build_request(plan_of(webhook), message(), timezone.now())
    assert request.tls is not None
    assert request.tls.ca_pem == "PEM"


def test_the_version_in_use_is_named_by_the_plan(webhook: Webhook) -> None:
    assert plan_of(webhook).version_id == webhook.current_version_id


# --- with a token ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_cerc_17_the_token_goes_out_as_bearer_and_is_masked_wherever_it_turns_up() -> None:
    plan = plan_of(make_webhook())
    token = Token("a-token-0123456789", "Bearer", NOW, NOW, None)
    request = build_request(plan, message(), NOW, token=token)
    assert dict(request.headers)["Authorization"] == "Bearer a-token-0123456789"
    assert ["Authorization", MASK] in redacted_headers(plan, request)
    redactor = plan.redactor_with(token)
    assert redactor.text(f"got {token.value}") == f"got {MASK}"
    assert plan.redactor_with(token) is redactor
    assert plan.redactor_with(None) is plan.redactor


@pytest.mark.django_db
def test_a_plan_that_waits_for_its_token_has_no_authorization() -> None:
    shared = make_connection()
    settings = {"connection": str(shared.uuid)}
    webhook = make_webhook(participant=shared.participant, auth_method="oauth2", auth_settings=settings)
    request = build_request(plan_of(webhook), message(), NOW)
    assert "Authorization" not in dict(request.headers)


@pytest.mark.django_db
def test_a_header_that_can_not_be_sent_once_filled_is_refused_by_the_door(loopback: None, receiver: Receiver) -> None:
    plan = plan_of(make_webhook(request_uri=receiver.url()))
    long = Token("x" * 5_000, "Bearer", NOW, NOW, None)
    result = client.send(build_request(plan, message(), timezone.now(), token=long))
    assert result.error == outcomes.HEADER_REFUSED
    assert receiver.requests() == []
