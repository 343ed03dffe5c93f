"""Configurations that would make signing in easy to guess."""

from typing import Any

import pytest
from django.core import checks
from django.test import override_settings

LOCAL = "django.core.cache.backends.locmem.LocMemCache"
DUMMY = "django.core.cache.backends.dummy.DummyCache"
TABLE = "django.core.cache.backends.db.DatabaseCache"


def found(**settings: Any) -> list[str]:
    with override_settings(**{"PORTAL_ENVIRONMENT": "production", "PORTAL_STAFF_MFA": True} | settings):
        messages = checks.run_checks(tags=["gancho"], include_deployment_checks=True)
    return [str(message.id) for message in messages if str(message.id).startswith("access.")]


@pytest.mark.parametrize(("backend", "expected"), [(LOCAL, ["access.E001"]), (DUMMY, ["access.E001"]), (TABLE, [])])
def test_counts_that_processes_do_not_share_stop_the_start(backend: str, expected: list[str]) -> None:
    caches = {"default": {"BACKEND": backend, "LOCATION": "portal_cache"}}
    assert found(CACHES=caches) == expected
    assert found(CACHES=caches, PORTAL_ENVIRONMENT="development") == []


def test_staff_without_a_second_factor_are_warned_of_outside_development() -> None:
    assert found(PORTAL_STAFF_MFA=False) == ["access.W002"]
    assert found() == []
