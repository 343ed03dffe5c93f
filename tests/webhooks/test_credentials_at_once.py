"""Credentials that somebody archives or replaces while somebody else saves a webhook with them."""

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from access.actors import Actor
from access.errors import ActionError
from connections.actions import archive_connection, replace_key_pair, update_connection
from connections.models import Connection, KeyPair
from tests.at_once import at_once
from tests.factories import (
    connection_values,
    make_connection,
    make_key_pair,
    make_participant,
    make_upload,
    make_webhook,
    webhook_values,
)
from webhooks.actions import archive_webhook, create_webhook, update_webhook
from webhooks.models import Webhook
from webhooks.values import KeyPairValues

pytestmark = [pytest.mark.django_db(transaction=True)]
BY = Actor.system("test")


def outcome(act: Callable[[], Any]) -> Callable[[], str]:
    def run() -> str:
        try:
            act()
        except ActionError as refused:
            return refused.code
        return "done"

    return run


def test_a_connection_is_archived_or_chosen_never_both() -> None:
    for _ in range(4):
        shared = make_connection()
        values = webhook_values(auth_method="oauth2", auth_settings={"connection": str(shared.uuid)})

        def choose(shared: Connection = shared, values: Any = values) -> Webhook:
            return create_webhook(shared.participant, values=values, by=BY)

        def archive(shared: Connection = shared) -> Connection:
            return archive_connection(shared, by=BY)

        ended = at_once([outcome(choose), outcome(archive)])
        assert ended in (["done", "in_use"], ["connection_unknown", "done"])
        shared.refresh_from_db()
        assert shared.archived != Webhook.objects.filter(connection=shared).exists()


def test_saves_and_changes_of_what_is_shared_wait_for_each_other_in_one_order() -> None:
    participant = make_participant()
    pair = make_key_pair(participant=participant)
    shared = make_connection(
        participant=participant,
        key_pair=pair,
        settings={"client_id": "client-1", "auth_type": "private_key_jwt"},
    )
    chosen = {
        "auth_method": "oauth2",
        "auth_settings": {"connection": str(shared.uuid)},
        "client_key_pair": KeyPairValues(shared=pair.uuid),
    }
    webhooks = [make_webhook(participant=participant, **chosen) for _ in range(3)]

    def save(webhook: Webhook) -> Callable[[], Any]:
        return lambda: update_webhook(webhook, values=webhook_values(**chosen), by=BY)

    def change() -> Connection:
        values = connection_values(
            key_pair=pair, settings={"client_id": "client-2", "auth_type": "private_key_jwt"}, secrets={}
        )
        return update_connection(shared, values=values, by=BY)

    calls = [*map(save, webhooks), change, lambda: replace_key_pair(pair, upload=make_upload(), by=BY)]
    assert at_once(map(outcome, calls)) == ["done"] * 5
    for webhook in Webhook.objects.select_related("connection", "client_key_pair", "current_version"):
        versions = webhook.current_version.secret_versions
        assert versions["connection"] == str(webhook.connection.credential_version)
        assert versions["client_key"] == str(webhook.client_key_pair.private_key_version)


def test_certificates_of_its_own_are_locked_before_what_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when one is replaced: two orders would wait for each other."""
    chosen: dict[str, Any] = {
        "auth_method": "oauth2",
        "auth_settings": {
            "token_url": "https://as.example.com/token",
            "client_id": "client-1",
            "auth_type": "private_key_jwt",
        },
        "auth_key_pair": KeyPairValues(own=True, upload=make_upload()),
        "client_key_pair": KeyPairValues(own=True, upload=make_upload()),
    }
    webhooks = [make_webhook(**chosen) for _ in range(2)]
    slow_down(monkeypatch, "connections.actions._lock_key_pair")
    slow_down(monkeypatch, "webhooks.actions.release_credentials")
    slow_down(monkeypatch, "webhooks.actions.write_credentials")
    archived, emptied = webhooks

    def replace(webhook: Any) -> Callable[[], Any]:
        return lambda: replace_key_pair(webhook.connection.key_pair, upload=make_upload(), by=BY)

    calls = [lambda: archive_webhook(archived, by=BY), replace(archived)]
    calls += [lambda: update_webhook(emptied, values=webhook_values(), by=BY), replace(emptied)]
    first, second, third, fourth = at_once(map(outcome, calls))
    assert (first, third) == ("done", "done")
    assert {second, fourth} <= {"done", "archived"}
    assert not KeyPair.objects.live().filter(shared=False).exists()


def slow_down(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let whoever does this hold what it has locked for a while."""
    module, _dot, function = name.rpartition(".")
    original = getattr(import_module(module), function)

    def slowly(*given: Any, **more: Any) -> Any:
        done = original(*given, **more)
        time.sleep(0.4)
        return done

    monkeypatch.setattr(name, slowly)
