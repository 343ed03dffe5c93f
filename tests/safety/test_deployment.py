"""Production settings pass Django's review of a deployment without a warning, and the review can fail (X-4)."""

import os
from pathlib import Path

import pytest

from tests.processes import manage, portal_environment, run

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

REVIEW = manage("check", "--deploy", "--fail-level", "WARNING")


def production(folder: Path, **over: str) -> dict[str, str]:
    """The environment of a sound installation: https, a proxy, PostgreSQL and a broker; nothing of a test's."""
    own = {
        "PORTAL_ENVIRONMENT": "production",
        "PORTAL_BASE_URL": "https://portal.example",
        "PORTAL_DOWNLOAD_BASE_URL": "https://files.example",
        "SECRET_KEY": "b7Jw2mQx9ZrT4kVn8LcY1sHd6FgP3aXe5UoI0yRtEwQzKj7Hn3Vb5M",
        "DATABASE_URL": "postgres://gancho:password@127.0.0.1:1/gancho",
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "PORTAL_OUTBOUND_ALLOW": "",
        "PORTAL_OUTBOUND_ALLOW_LOOPBACK": "false",
        "EMAIL_URL": "smtp://mail.example:25",
    }
    return portal_environment(folder) | own | over


@pytest.mark.parametrize("settings", ["portal.settings", "portal.download_settings"])
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_review_of_the_deployment_is_clean(tmp_path: Path, settings: str, database: str) -> None:
    over = {"DJANGO_SETTINGS_MODULE": settings}
    if database == "sqlite":
        over |= {"DATABASE_URL": f"sqlite:///{tmp_path}/gancho.sqlite3", "CELERY_BROKER_URL": ""}
    ended = run(*REVIEW, env=production(tmp_path, **over))
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    assert "no issues" in ended.stdout


@pytest.mark.parametrize(
    ("over", "code"),
    [
        # Without https neither cookies nor HSTS are safe, and Django says so.
        ({"PORTAL_BASE_URL": "http://portal.example"}, "security.W012"),
        ({"PORTAL_BASE_URL": "http://portal.example"}, "security.W004"),
        ({"PORTAL_BASE_URL": "https://localhost"}, "portal.W004"),
        ({"ALLOWED_HOSTS": "portal.example,*"}, "portal.W010"),
        ({"SECRET_KEY": "x" * 60}, "portal.E001"),
    ],
)
def test_review_finds_what_is_amiss(tmp_path: Path, over: dict[str, str], code: str) -> None:
    ended = run(*REVIEW, env=production(tmp_path, **over))
    assert ended.returncode != 0
    assert code in ended.stderr


def test_only_the_redirect_of_the_proxy_is_silenced() -> None:
    from portal.settings import SILENCED_SYSTEM_CHECKS

    assert SILENCED_SYSTEM_CHECKS == ["security.W008"]
    assert "PORTAL_ENV_FILE" in os.environ
