"""Webhooks that prove who is calling: with a fetched token, with a signature of each request."""

from typing import Any

from access.actors import Actor
from connections.actions import create_connection
from tests.certificates import self_signed
from tests.factories import connection_values, make_key_pair
from webhooks.models import Webhook, WebhookHeader
from webhooks.plans import SendPlan
from webhooks.sending import load_plans

BY = Actor.system("bench")
SIGNED = {"X-Signature": "{{signature}}", "X-Nonce": "{{nonce}}", "X-Timestamp": "{{timestamp}}"}


def use_tokens(webhooks: list[int], token_url: str) -> None:
    """Give each webhook a connection of its own: as many tokens as webhooks."""
    for webhook in Webhook.objects.filter(pk__in=webhooks):
        _connect(webhook, "oauth2", token_url=token_url)
    assert all(plan.token for plan in _plans(webhooks))


def use_signatures(webhooks: list[int], token_url: str) -> None:
    """Let each request carry a signature by an RSA key of 2048 bits, beside the token of the method that has a key."""
    first = Webhook.objects.get(pk=webhooks[0])
    key_pair = make_key_pair(self_signed("client.example.com", kind="RSA"), participant=first.participant)
    assert key_pair.key_words == "RSA 2048"
    for webhook in Webhook.objects.filter(pk__in=webhooks):
        _connect(webhook, "jwt", kind="jwt_7523", token_url=token_url, key_pair=key_pair)
        WebhookHeader.objects.bulk_create(
            WebhookHeader(webhook=webhook, position=place, name=name, secret=False, value=value)
            for place, (name, value) in enumerate(SIGNED.items())
        )
    assert all(plan.tags for plan in _plans(webhooks))


def _connect(webhook: Webhook, method: str, **over: Any) -> None:
    values = connection_values(shared=False, **over)
    webhook.connection = create_connection(webhook.participant, values=values, by=BY)
    webhook.auth_method = method
    webhook.save()


def _plans(webhooks: list[int]) -> list[SendPlan]:
    plans = load_plans(webhooks).values()
    assert all(isinstance(plan, SendPlan) for plan in plans)
    return [plan for plan in plans if isinstance(plan, SendPlan)]
