"""What `make test` brings along: a private PostgreSQL that goes away again, and sums that hide nothing."""

from collections import Counter
from itertools import product
from pathlib import Path

import psycopg
import pytest

from tests import run, services
from tests.run import PARTS, Part

JUNIT = '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'


@pytest.mark.process
def test_a_private_server_is_of_today_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(services.SERVER_URL, raising=False)
    monkeypatch.setattr(services.tempfile, "tempdir", "/tmp")
    before = set(Path("/tmp").glob("gancho-postgres-*"))
    with services.provide_postgres() as server:
        if server is None:
            services.miss("PostgreSQL")
        with services.fresh_database(server) as url, psycopg.connect(url) as connection:
            version, fsync = connection.execute("SELECT version(), current_setting('fsync')").fetchone() or ("", "")
            pid = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert version.startswith("PostgreSQL")
        assert fsync == "off"
        assert pid
    assert not Path(f"/proc/{pid[0]}").exists()
    assert set(Path("/tmp").glob("gancho-postgres-*")) == before


def test_the_server_of_the_environment_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(services.SERVER_URL, "postgres://somewhere/else")
    with services.provide_postgres() as server:
        assert server == "postgres://somewhere/else"


def test_what_is_missing_is_skipped_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Chromium"):
        services.miss("Chromium")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Chromium"):
        services.miss("Chromium")


def test_nothing_is_installed_where_somebody_said_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTS_MAY_INSTALL", "no")
    monkeypatch.setattr(services.subprocess, "run", lambda *words, **more: pytest.fail("something was run"))
    services.install("postgresql")


def test_free_ports_are_free_and_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1024 < services.free_port(neighbours=2) < 65_534


def test_sums_come_from_the_report(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(JUNIT)
    assert run._count(report) == Counter(passed=3, failed=1, errors=2, skipped=3)
    assert run._count(tmp_path / "none.xml") == Counter(errors=1)


@pytest.mark.process
@pytest.mark.parametrize(("ci", "good"), [("true", False), ("", True)])
def test_a_part_without_its_service_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, good: bool
) -> None:
    monkeypatch.setenv("CI", ci)
    part = Part("some", "a few tests", "process", needs=("postgres",), paths=("tests/toolchain/test_oracle.py",))
    outcome, went_well = run._run(part, {})
    assert outcome["skipped"] > 15
    assert went_well is good
    assert "SKIPPED" in capsys.readouterr().out


def test_an_unknown_part_is_bad_use() -> None:
    assert run.main(["nonsense"]) == 2


@pytest.mark.parametrize("database", ["sqlite", "postgres", "either"])
@pytest.mark.parametrize("marks", list(product([True, False], repeat=3)))
def test_every_test_belongs_to_a_part(marks: tuple[bool, ...], database: str) -> None:
    names = dict(zip(("process", "browser", "celery"), marks, strict=True))
    names |= {name: name == database for name in ("sqlite", "postgres")}
    assert any(eval(part.marks, {}, names) for part in PARTS)
