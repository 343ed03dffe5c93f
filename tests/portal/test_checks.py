import pytest
from django.core import checks

from portal import checks as portal_checks
from portal.checks import OURS, stop_on_errors
from portal.environment import EXIT_REFUSED

BASE = {
    "PORTAL_ENVIRONMENT": "production",
    "SECRET_KEY": "a-long-enough-key-with-many-letters-0123456789",
    "PORTAL_BASE_URL": "https://portal.example",
    "PORTAL_DOWNLOAD_BASE_URL": "https://files.example",
    "CELERY_BROKER_URL": "memory://",
    "ALLOWED_HOSTS": ["portal.example"],
    "DEBUG": False,
    "PORTAL_TEST_CLOCK_OFFSET_SECONDS": 0,
}
SQLITE, POSTGRES = "django.db.backends.sqlite3", "django.db.backends.postgresql"


@pytest.fixture
def found(settings, tmp_path, monkeypatch):
    """`found(SETTING=value)`: the ids that our checks report for a sound production with these differences."""

    def check(engine: str = SQLITE, **over: object) -> list[str]:
        monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", engine)
        for name, value in {**BASE, "PORTAL_HOME": tmp_path, **over}.items():
            setattr(settings, name, value)
        names = [name for name in vars(portal_checks) if name.startswith("check_")]
        messages = [message for name in names for message in getattr(portal_checks, name)(None)]
        assert all(message.hint for message in messages)
        return [message.id for message in messages]

    return check


def test_sound_production_has_nothing_to_report(found) -> None:
    assert found() == []


@pytest.mark.parametrize(
    "key", ["short", "x" * 60, "abcabcabc" * 6, "django-insecure-0123456789-abcdefghijklmnop-QRSTUV"]
)
def test_secret_key_that_can_be_guessed_is_refused_outside_development(found, key: str) -> None:
    assert found(SECRET_KEY=key) == ["portal.E001"]
    assert found(SECRET_KEY=key, PORTAL_ENVIRONMENT="homologation") == ["portal.E001"]
    assert found(SECRET_KEY=key, PORTAL_ENVIRONMENT="development") == []


def test_debug_is_refused_outside_development(found) -> None:
    assert found(DEBUG=True) == ["portal.E002"]
    assert found(DEBUG=True, PORTAL_ENVIRONMENT="development") == []


@pytest.mark.parametrize("name", ["PORTAL_BASE_URL", "PORTAL_DOWNLOAD_BASE_URL"])
@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "https:portal.example",
        "ftp://portal.example",
        "https://portal.example/path",
        "https://portal.example?query",
        "https://portal.example#part",
        "https://user:password@portal.example",
        "https://portal.example:99999",
        "https://portal.example:0",
        "https://portal.example:port",
        "https://[portal",
        "https://:443",
    ],
)
def test_address_of_the_portal_is_scheme_and_host(found, name: str, address: str) -> None:
    assert found(**{name: address}) == ["portal.E003"]


@pytest.mark.parametrize("address", ["https://portal.example:8443", "https://[2001:db8::1]:8443", "https://10.0.0.1"])
def test_address_with_a_port_or_a_number_is_fine(found, address: str) -> None:
    assert found(PORTAL_BASE_URL=address) == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000"])
def test_address_of_this_machine_only_is_told_outside_development(found, host: str) -> None:
    assert found(PORTAL_BASE_URL=f"https://{host}") == ["portal.W004"]
    assert found(PORTAL_BASE_URL=f"https://{host}", PORTAL_ENVIRONMENT="development") == []


def test_plain_http_is_told_by_the_deployment_check(found) -> None:
    assert found(PORTAL_BASE_URL="http://portal.example") == ["portal.W005"]


@pytest.mark.parametrize(
    ("broker", "engine", "expected"),
    [
        ("memory://", SQLITE, []),
        ("memory://", POSTGRES, []),
        ("redis://host/0", POSTGRES, []),
        ("amqp://host", POSTGRES, []),
        ("redis://host/0", SQLITE, ["portal.E007"]),
        ("rediss://host/0", POSTGRES, []),
        ("amqps://host", POSTGRES, []),
        ("redis://one/0;redis://two/0", POSTGRES, []),
        ("filesystem://", POSTGRES, ["portal.E006"]),
        ("redis://one/0;filesystem://", POSTGRES, ["portal.E006"]),
        ("nonsense", POSTGRES, ["portal.E006"]),
    ],
)
def test_database_and_broker_must_be_one_of_the_supported_pairs(found, broker, engine, expected) -> None:
    assert found(engine, CELERY_BROKER_URL=broker) == expected


@pytest.mark.parametrize("offset", [60, -60])
def test_moved_clock_is_refused_in_production_only(found, offset: int) -> None:
    assert found(PORTAL_TEST_CLOCK_OFFSET_SECONDS=offset) == ["portal.E008"]
    assert found(PORTAL_TEST_CLOCK_OFFSET_SECONDS=offset, PORTAL_ENVIRONMENT="homologation") == []


@pytest.mark.parametrize("environment", ["homologation", "production"])
def test_the_demo_receiver_is_for_development_only(found, environment: str) -> None:
    """Its page shows whole requests of every participant (X-4)."""
    url = "http://127.0.0.1:8001"
    assert found(PORTAL_DEMO_RECEIVER_URL=url, PORTAL_ENVIRONMENT=environment) == ["portal.E013"]
    assert found(PORTAL_DEMO_RECEIVER_URL=url, PORTAL_ENVIRONMENT="development") == []


@pytest.mark.parametrize(("mode", "expected"), [(0o600, []), (0o640, ["portal.W009"]), (0o604, ["portal.W009"])])
def test_keys_file_that_others_can_read_is_told(found, tmp_path, mode: int, expected: list[str]) -> None:
    (tmp_path / "keys.env").touch()
    (tmp_path / "keys.env").chmod(mode)
    assert found() == expected


def test_host_wildcard_is_told(found) -> None:
    assert found(ALLOWED_HOSTS=["portal.example", "*"]) == ["portal.W010"]


def test_process_stops_with_one_line_that_names_every_error(found, capsys) -> None:
    found(DEBUG=True, SECRET_KEY="short")
    with pytest.raises(SystemExit) as caught:
        stop_on_errors()
    assert caught.value.code == EXIT_REFUSED
    expected = "gancho: SECRET_KEY is too easy to guess. (portal.E001) DEBUG is on outside development. (portal.E002)\n"
    assert capsys.readouterr().err == expected


def test_process_goes_on_when_there_are_only_warnings(found) -> None:
    assert found(PORTAL_BASE_URL="https://localhost") == ["portal.W004"]
    stop_on_errors()


def test_all_checks_are_known_to_manage_py() -> None:
    ours = {check.__name__ for check in checks.registry.registry.get_checks(include_deployment_checks=True)}
    assert {name for name in vars(portal_checks) if name.startswith("check_")} <= ours
    assert OURS in checks.registry.registry.tags_available()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PORTAL_OUTBOUND_ALLOW", ["10.0.0.1/8"], "portal.E011"),
        ("PORTAL_OUTBOUND_PORTS", ["443", "0"], "portal.E011"),
        ("PORTAL_OUTBOUND_DEADLINE_SECONDS", 0, "portal.E011"),
        ("PORTAL_OUTBOUND_CA_FILE", "/nowhere/ca.pem", "portal.E012"),
    ],
)
def test_outbound_settings_that_make_no_sense_stop_the_start(found, name: str, value: object, code: str) -> None:
    assert found(**{name: value}) == [code]


@pytest.mark.parametrize(("minutes", "expected"), [(0, ["portal.E015"]), (-1, ["portal.E015"]), (721, ["portal.E015"])])
def test_a_proof_that_never_or_always_holds_stops_the_start(found, minutes: int, expected: list[str]) -> None:
    assert found(PORTAL_REAUTHENTICATION_MINUTES=minutes) == expected
    assert found(PORTAL_REAUTHENTICATION_MINUTES=1) == found(PORTAL_REAUTHENTICATION_MINUTES=720) == []
