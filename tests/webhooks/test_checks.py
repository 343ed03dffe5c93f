"""The check for stored names that this release does not know, and the one number kept in two places."""

import re
import tomllib
from pathlib import Path

from django.conf import settings

from access.actors import Actor
from tests.factories import make_connection, make_key_pair, make_participant, make_webhook
from webhooks.actions import archive_webhook
from webhooks.checks import check_registered_names, check_tags_have_keys
from webhooks.models import Webhook
from webhooks.values import HeaderValues


def test_registered_names_are_fine(db: None) -> None:
    make_webhook(auth_method="basic", auth_settings={"username": "u"}, auth_secrets={"password": "p"})
    assert check_registered_names(databases=["default"]) == []


def test_names_of_another_release_are_reported(db: None) -> None:
    Webhook.objects.filter(pk=make_webhook().pk).update(auth_method="quantum", body_format="xml")
    assert [error.id for error in check_registered_names(databases=["default"])] == ["webhooks.E001", "webhooks.E002"]


def test_tags_without_a_key_are_reported_with_their_webhooks(db: None) -> None:
    """Stored before tags were known: as they were, they went out as text."""
    headers = [HeaderValues("X-Old", "at OLD", secret=secret) for secret in (False, True)]
    old = [make_webhook(headers=(header,)) for header in headers]
    for webhook in old:
        row = webhook.headers.get()
        row.value, row.sealed_value = ("", "at {{timestamp}}") if row.secret else ("at {{timestamp}}", "")
        row.save()
    participant = make_participant()
    shared = make_connection(kind="jwt_7523", participant=participant, key_pair=make_key_pair(participant=participant))
    make_webhook(
        participant=participant,
        auth_method="jwt",
        auth_settings={"connection": str(shared.uuid)},
        headers=(HeaderValues("X-Tag", "{{timestamp}}", secret=False), HeaderValues("X-Braces", "{x}")),
    )
    [warning] = check_tags_have_keys(databases=["default"])
    assert warning.id == "webhooks.W003"
    assert sorted(re.findall(r"[0-9a-f-]{36}", warning.msg)) == sorted(str(webhook.uuid) for webhook in old)
    for webhook in old:
        archive_webhook(webhook, by=Actor.system("test"))
    assert check_tags_have_keys(databases=["default"]) == []


def test_without_a_database_nothing_is_read() -> None:
    assert check_tags_have_keys() == []
    assert check_registered_names() == []


def test_receivers_are_told_the_version_of_the_project() -> None:
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
    assert project["project"]["version"] == settings.PORTAL_VERSION
