import os
import re
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import environment
from portal.environment import EXIT_REFUSED, env, load_settings, read_environment, read_home, read_secrets
from tests.processes import ROOT, manage, portal_environment, run
from vault.keys import parse_keys

SECRETS = ("SECRET_KEY", "PORTAL_DATA_KEYS")


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)


def read(home: Path, kind: str = "development") -> list[str]:
    return read_secrets(*SECRETS, home=home, environment=kind)


# --- secrets --------------------------------------------------------------------------------------------------------


def test_secrets_are_taken_from_the_environment_as_they_are(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_KEY", " $HOME is no reference ")
    monkeypatch.setenv("PORTAL_DATA_KEYS", "k1:abc")
    assert read(tmp_path, "production") == ["$HOME is no reference", "k1:abc"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["production", "homologation"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "SECRET_KEY and PORTAL_DATA_KEYS are not set"),
        ({"SECRET_KEY": "x"}, "PORTAL_DATA_KEYS is not set"),
        ({"PORTAL_DATA_KEYS": "x", "SECRET_KEY": "  "}, "SECRET_KEY is not set"),
    ],
)
def test_missing_secret_is_refused_by_name_and_nothing_is_made(tmp_path, monkeypatch, kind, given, said) -> None:
    (tmp_path / "keys.env").write_text("SECRET_KEY=kept\nPORTAL_DATA_KEYS=kept\n")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        read(tmp_path, kind)
    assert str(caught.value) == f"{said}: {kind} does not start without"
    assert (tmp_path / "keys.env").read_text() == "SECRET_KEY=kept\nPORTAL_DATA_KEYS=kept\n"


def test_development_makes_secrets_once_and_keeps_them_for_its_owner(tmp_path) -> None:
    old_mask = os.umask(0)
    try:
        made = read(tmp_path)
    finally:
        os.umask(old_mask)
    path = tmp_path / "keys.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(tmp_path) == made
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.env"]
    assert len(made[0]) == 64
    assert parse_keys(made[1]).current.id == "k1"


def test_made_secrets_differ_between_installations(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert not set(read(tmp_path / "a")) & set(read(tmp_path / "b"))


def test_only_what_is_missing_is_made(tmp_path, monkeypatch) -> None:
    (tmp_path / "keys.env").write_text("# a note\nPORTAL_DATA_KEYS = k7:kept=\n\nOTHER=kept too\nSECRET_KEY=\n")
    secret_key, data_keys = read(tmp_path)
    assert data_keys == "k7:kept="
    assert f"\nSECRET_KEY={secret_key}\n" in (tmp_path / "keys.env").read_text()
    assert "\nOTHER=kept too\n" in (tmp_path / "keys.env").read_text()
    monkeypatch.setenv("SECRET_KEY", "given")
    assert read(tmp_path) == ["given", "k7:kept="]


def test_processes_that_start_together_share_the_secrets_of_the_first(tmp_path) -> None:
    together = Barrier(8)

    def start(_: int) -> tuple[str, ...]:
        together.wait()
        return tuple(read(tmp_path))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1


def test_half_written_file_of_a_crash_is_not_read(tmp_path) -> None:
    made = read(tmp_path)
    (tmp_path / "keys.new").write_text("SECRET_KEY=hal")
    assert read(tmp_path) == made


def test_home_that_is_missing_is_made_for_its_owner_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_HOME", str(tmp_path / "new" / "home"))
    home = read_home()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("under", ["", "keys.env"])
def test_home_that_cannot_be_used_is_refused_in_one_line(tmp_path, monkeypatch, under: str) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PORTAL_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ImproperlyConfigured, match="PORTAL_HOME"):
        read_home()
    (tmp_path / "keys.env").mkdir()
    with pytest.raises(ImproperlyConfigured, match=r"keys\.env can't be read or written"):
        read(tmp_path)


# --- other settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prod", "Production", "", " production"])
def test_unknown_environment_is_refused(monkeypatch, name: str) -> None:
    monkeypatch.setenv("PORTAL_ENVIRONMENT", name)
    with pytest.raises(ImproperlyConfigured, match="must be one of development, homologation, production"):
        read_environment()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "CANARY"),
        ("int", ""),
        ("float", "CANARY"),
        ("db_url", "mysql://user:CANARY@host/name"),
        ("db_url", "CANARY"),
        ("db_url", ""),
        ("db_url", "postgres://user:CAN/ARY@host/name"),
        ("db_url", "postgres://user:CANARY@[host/name"),
        ("cache_url", "nonsense://CANARY"),
        ("email_url", "nonsense://CANARY"),
        ("email_url", "smtp://user:CAN/ARY@host"),
    ],
)
def test_value_of_the_wrong_form_is_refused_by_name_and_not_repeated(monkeypatch, recwarn, kind, value) -> None:
    monkeypatch.setenv("SOME_SETTING", value)
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING") as caught:
        getattr(env, kind)("SOME_SETTING", default=5)
    said = f"{caught.value} {[str(warning.message) for warning in recwarn]}"
    assert "CAN" not in said
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("url", ["sqlite:////tmp/x.sqlite3", "postgres://u:p@h:5432/n", "postgresql://u:p@h/n"])
def test_both_databases_are_understood(monkeypatch, url: str) -> None:
    monkeypatch.setenv("SOME_SETTING", url)
    assert env.db_url("SOME_SETTING", default="")["ENGINE"] in {
        "django.db.backends.sqlite3",
        "django.db.backends.postgresql",
    }


def test_entry_points_end_with_one_line_when_the_settings_refuse(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "refusing_settings.py").write_text(
        "from django.core.exceptions import ImproperlyConfigured\nraise ImproperlyConfigured('because')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "refusing_settings")
    with pytest.raises(SystemExit) as caught:
        load_settings()
    assert caught.value.code == EXIT_REFUSED
    assert capsys.readouterr().err == "gancho: because\n"


# --- .env.example ---------------------------------------------------------------------------------------------------

READ = re.compile(r"(?:\benv\.\w+|\benviron\.get)\(\s*[\"']([A-Z_]+)[\"']")
LISTED = re.compile(r"^#?([A-Z_]+)=(.*)$", re.MULTILINE)


def listed() -> dict[str, str]:
    return dict(LISTED.findall((ROOT / ".env.example").read_text()))


def read_by(*patterns: str) -> set[str]:
    texts = [path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return {name for text in texts for name in READ.findall(text)}


def test_every_setting_is_listed_in_the_example() -> None:
    names = read_by("portal/settings.py", "portal/environment.py", "portal/gunicorn_*.py") | set(SECRETS)
    assert len(names) > 30
    assert names - set(listed()) == set()


def test_example_lists_nothing_that_is_not_read() -> None:
    assert set(listed()) - read_by("portal/*.py") - set(SECRETS) == set()


def test_every_line_of_the_example_is_a_comment_so_that_a_copy_changes_nothing() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


# --- whole processes ------------------------------------------------------------------------------------------------

STRONG = "f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f-strong-enough"


def production(home: Path, **over: str) -> dict[str, str]:
    base = {"PORTAL_ENVIRONMENT": "production", "PORTAL_BASE_URL": "https://portal.example", "SECRET_KEY": STRONG}
    return portal_environment(home, **base, PORTAL_OUTBOUND_ALLOW="", PORTAL_OUTBOUND_ALLOW_LOOPBACK="", **over)


def without_secrets(home: Path) -> dict[str, str]:
    return {name: value for name, value in production(home).items() if name not in SECRETS}


GUNICORN = (sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0")


@pytest.mark.process
@pytest.mark.parametrize(
    "words",
    [manage("migrate"), manage("rotate_secrets"), (*GUNICORN, "-c", "python:portal.gunicorn_web", "portal.wsgi")],
    ids=["a command of Django", "a command of ours", "gunicorn"],
)
def test_production_without_its_secrets_stops_with_one_line(tmp_path, words) -> None:
    ended = run(*words, env=without_secrets(tmp_path), timeout=20)
    expected = "gancho: SECRET_KEY and PORTAL_DATA_KEYS are not set: production does not start without\n"
    assert (ended.returncode, ended.stderr, ended.stdout) == (EXIT_REFUSED, expected, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_gunicorn_without_our_configuration_stops_too_rather_than_start_workers_for_ever(tmp_path) -> None:
    ended = run(*GUNICORN, "--no-control-socket", "portal.wsgi", env=without_secrets(tmp_path), timeout=20)
    assert ended.returncode == EXIT_REFUSED
    assert ended.stderr.count("gancho: SECRET_KEY and PORTAL_DATA_KEYS are not set") == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.process
@pytest.mark.parametrize("module", ["portal.wsgi", "portal.download_wsgi"])
def test_web_process_stops_on_an_error_that_a_check_finds(tmp_path, module: str) -> None:
    over = {"PORTAL_TEST_CLOCK_OFFSET_SECONDS": "60", "CELERY_BROKER_URL": "redis://127.0.0.1/0"}
    ended = run(sys.executable, "-c", f"import {module}", env=production(tmp_path, **over))
    assert ended.returncode == EXIT_REFUSED
    assert len(ended.stderr.splitlines()) == 1
    assert "(portal.E007)" in ended.stderr
    assert "(portal.E008)" in ended.stderr


@pytest.mark.process
def test_deployment_check_is_clean_with_production_settings(tmp_path) -> None:
    ended = run(*manage("check", "--deploy", "--fail-level", "WARNING"), env=production(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no issues" in ended.stdout


def test_refusal_carries_gunicorns_own_code_for_a_worker_that_cannot_boot() -> None:
    from gunicorn.arbiter import Arbiter

    assert environment.EXIT_REFUSED == Arbiter.WORKER_BOOT_ERROR
