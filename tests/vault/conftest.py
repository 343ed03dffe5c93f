from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

import tests.vault
from tests.vault.safes import LABEL, Locker, Safe, SafesConfig


def make_key(filling: int) -> str:
    """A data key that is the same in every run, its bytes all different."""
    return b64encode(bytes((filling + place) % 256 for place in range(32))).decode()


K1, K2, K3 = (f"k{number}:{make_key(number * 40)}" for number in (1, 2, 3))


@pytest.fixture(scope="session")
def _safes_tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.create_model(Safe)
            editor.create_model(Locker)
        yield
        with connection.schema_editor() as editor:
            editor.delete_model(Safe)
            editor.delete_model(Locker)


@pytest.fixture
def safes(_safes_tables: None, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Safe and Locker are models of this installation, with empty tables."""
    config = SafesConfig("tests.vault", tests.vault)
    config.apps = apps
    config.import_models()
    with monkeypatch.context() as patch:
        patch.setitem(apps.app_configs, LABEL, config)
        apps.clear_cache()
        yield
        if not connection.in_atomic_block:  # a test that commits is not rolled back
            Safe.objects.all().delete()
            Locker._base_manager.all().delete()
    apps.clear_cache()


@pytest.fixture
def keys(settings: Any) -> Any:
    """`keys(K2, K1)` sets the data keys, the current one first; until then K1 is the only one."""

    def use(*entries: str) -> None:
        settings.PORTAL_DATA_KEYS = ",".join(entries)

    use(K1)
    return use


def column(name: str = "secret", table: str = "safes_safe") -> list[str]:
    """What stands in a column, past the ORM."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {table} ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def write_column(value: str, row: Any, name: str = "secret") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE safes_safe SET {name} = %s WHERE id = %s", [value, row.pk])
