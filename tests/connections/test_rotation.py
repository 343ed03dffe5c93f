"""Data keys are changed: every secret that tokens are got with is sealed anew and still opens."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone

from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from connections.tokens import source_of
from tests.factories import make_connection, make_key_pair, make_participant

pytestmark = pytest.mark.django_db

OLD, NEW = (f"{name}:{key}" for name, key in (("k1", "dGVzdHMtb25seS1rZXktbnVtYmVyLW9uZS0zMi1ieSE="),
                                              ("k2", "dGVzdHMtb25seS1rZXktbnVtYmVyLXR3by0zMi1ieSE=")))  # fmt: skip
COLUMNS = {
    "connections_connection.secrets",
    "connections_keypair.private_key",
    "connections_cachedtoken.token",
    "connections_connectionrun.token",
}


def stored(column: str) -> set[str]:
    table, _, name = column.partition(".")
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {table} WHERE {name} <> ''")
        return {str(row[0]) for row in cursor.fetchall()}


def test_rotating_keys_reseals_connections_key_pairs_tokens_and_runs(settings: Any) -> None:
    settings.PORTAL_DATA_KEYS = OLD
    participant, now = make_participant(), timezone.now()
    pair = make_key_pair(participant=participant)
    key = KeyPair.objects.get(pk=pair.pk).private_key
    made = make_connection(participant=participant, secrets={"client_secret": "the-secret"})
    times = {"obtained_at": now, "refresh_at": now + timedelta(minutes=1)}
    CachedToken.objects.create(key="0" * 64, connection=made, credential_version=made.uuid, token="cached", **times)
    ConnectionRun.objects.create(connection=made, by="b", at=now, purge_at=now, token="of a run")
    before = {column: stored(column) for column in COLUMNS}
    assert all(before.values())

    settings.PORTAL_DATA_KEYS = f"{NEW},{OLD}"
    call_command("rotate_secrets", stdout=StringIO())
    settings.PORTAL_DATA_KEYS = NEW
    assert {column for column in COLUMNS if stored(column) & before[column]} == set()
    assert source_of(Connection.objects.get(pk=made.pk)).secrets == {"client_secret": "the-secret"}
    assert KeyPair.objects.get(pk=pair.pk).private_key == key
    assert CachedToken.objects.get().token == "cached"
    assert ConnectionRun.objects.get().token == "of a run"
