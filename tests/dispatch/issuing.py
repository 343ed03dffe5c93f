"""Connections to a token endpoint of a test's own, and webhooks that need its tokens."""

import json
from typing import Any

from access.actors import Actor
from connections.actions import update_connection
from connections.models import CachedToken, Connection
from dispatch.models import Attempt
from tests.factories import connection_values, make_connection
from tests.receiver import Answer, Receiver
from webhooks.models import Webhook

SECRET = "the-client-secret-of-the-test"


def make_source(token_url: str, webhook: Webhook, **over: Any) -> Connection:
    """A connection of the webhook's participant to that token endpoint, which the webhook sends with from now on."""
    values = {"secrets": {"client_secret": SECRET}, **over}
    connection: Connection = make_connection(token_url=token_url, participant=webhook.participant, **values)
    use(connection, webhook)
    return connection


def change_secret(connection: Connection, secret: str) -> None:
    """As a person does it in the form."""
    values = connection_values(token_url=connection.token_url, secrets={"client_secret": secret})
    update_connection(connection, values=values, by=Actor.system("test"))


def use(connection: Connection, *webhooks: Webhook) -> None:
    """Let these webhooks send with tokens of that connection."""
    Webhook.objects.filter(pk__in=[webhook.pk for webhook in webhooks]).update(
        auth_method="oauth2", connection=connection
    )


def issued(value: str = "token-1-of-the-test", **over: Any) -> Answer:
    """A token endpoint's answer with success."""
    content = {"access_token": value, "token_type": "Bearer", "expires_in": 3600} | over
    return Answer(200, json.dumps({name: given for name, given in content.items() if given is not None}).encode())


def refused(error: str, status: int = 400) -> Answer:
    """A refusal as RFC 6749 5.2 has it."""
    return Answer(status, json.dumps({"error": error, "error_description": f"said {error}"}).encode())


def cached() -> CachedToken:
    """The only row of the token cache."""
    return CachedToken.objects.get()


def attempts(*columns: str) -> list[Any]:
    """The attempts in order, those handed back left out."""
    shown = Attempt.objects.exclude(outcome="handed_back").order_by("number", "pk")
    return list(shown.values_list(*columns, flat=len(columns) == 1))


def tokens_received(receiver: Receiver) -> list[str | None]:
    return [request.header("authorization") for request in receiver.requests("/hook")]
