"""The check for stored names that this release does not know, and the one number kept in two places."""

import tomllib
from pathlib import Path

from django.conf import settings

from tests.factories import make_webhook
from webhooks.checks import check_registered_names
from webhooks.models import Webhook


def test_registered_names_are_fine(db: None) -> None:
    make_webhook(auth_method="basic", auth_settings={"username": "u"}, auth_secrets={"password": "p"})
    assert check_registered_names(databases=["default"]) == []


def test_names_of_another_release_are_reported(db: None) -> None:
    Webhook.objects.filter(pk=make_webhook().pk).update(auth_method="quantum", body_format="xml")
    assert [error.id for error in check_registered_names(databases=["default"])] == ["webhooks.E001", "webhooks.E002"]


def test_without_a_database_nothing_is_read() -> None:
    assert check_registered_names() == []


def test_receivers_are_told_the_version_of_the_project() -> None:
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
    assert project["project"]["version"] == settings.PORTAL_VERSION
