"""A command run against a database without tables, as with another PORTAL_HOME, ends in a sentence, no traceback."""

from pathlib import Path

import pytest

from portal.environment import env
from portal.missing_tables import name_database
from tests.processes import manage, portal_environment, run

UUID = "00000000-0000-4000-8000-000000000000"
COMMANDS = {
    "publish": ("--product", "X", "--period", "2030-01-31", "--file", __file__),
    "resend": ("--webhook", UUID, "--all"),
    "dispatcher": ("--once",),
    "seed_load": ("--webhooks", "1", "--url", "http://127.0.0.1:9/", "--product", "X"),
    "purge": (),
}
WHAT_TO_DO = (
    "set PORTAL_HOME or DATABASE_URL as for the portal that you mean, or make the tables with `manage.py prepare`"
)


@pytest.mark.process
@pytest.mark.parametrize("name", COMMANDS)
def test_command_without_tables_says_where_it_looked_and_what_to_do(tmp_path: Path, name: str) -> None:
    done = run(*manage(name, *COMMANDS[name]), env=portal_environment(tmp_path))
    said = f"CommandError: the database {tmp_path}/gancho.sqlite3 has no tables yet: {WHAT_TO_DO}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.process
def test_traceback_is_there_for_whoever_asks_for_it(tmp_path: Path) -> None:
    done = run(*manage("purge", "--traceback"), env=portal_environment(tmp_path))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "no such table" in done.stderr


@pytest.mark.process
def test_another_trouble_of_the_database_is_not_explained_away(tmp_path: Path) -> None:
    """A table that is missing among others is a fault of ours or of an update that was not finished."""
    environment = portal_environment(tmp_path)
    assert run(*manage("migrate", "access", "0001", "--verbosity", "0"), env=environment).returncode == 0
    done = run(*manage("purge"), env=environment)
    assert done.returncode == 1
    assert "no such table" in done.stderr
    assert "has no tables yet" not in done.stderr


@pytest.mark.postgres
@pytest.mark.process
def test_the_address_of_a_server_is_told_without_who_signs_in(tmp_path: Path, postgres_database: str) -> None:
    done = run(*manage("purge"), env=portal_environment(tmp_path, postgres_database))
    where = postgres_database.partition("@")[2].partition("?")[0]
    assert (done.returncode, done.stderr) == (
        2,
        f"CommandError: the database {where} has no tables yet: {WHAT_TO_DO}\n",
    )


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////var/lib/gancho/gancho.sqlite3", "/var/lib/gancho/gancho.sqlite3"),
        ("postgres://gancho:CANARY@db.test:5433/portal?sslmode=require", "db.test:5433/portal"),
        ("postgres://CANARY@db.test/portal", "db.test/portal"),
        ("postgres:///portal", "portal"),
    ],
)
def test_a_database_is_named_without_user_and_password(monkeypatch: pytest.MonkeyPatch, url: str, name: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert name_database(env.db_url("DATABASE_URL", default="")) == name
