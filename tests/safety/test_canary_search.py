"""First of all: the search for canaries finds what is planted, however it is written, in every place that it looks at.

A search that finds nothing proves something only because of these (X-3).
"""

import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from celery import current_app
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.core.cache import caches
from django.core.mail import EmailMessage
from django.db import DatabaseError, connection, transaction

from access.actors import Actor
from access.audit import record
from dispatch import broker
from tests.canary import Search, plant
from tests.factories import make_delivery
from tests.people import Person
from tests.processes import wait_until

pytestmark = pytest.mark.django_db

WRITTEN: list[Callable[[str], str]] = [
    lambda secret: secret,
    lambda secret: secret[: len(secret) // 2],
    lambda secret: secret[len(secret) // 2 :],
    lambda secret: quote(secret, safe=""),
    lambda secret: secret.encode().hex(),
    lambda secret: secret.encode().hex().upper(),
    lambda secret: secret[len(secret) // 2 :].encode().hex(),
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: base64.b64encode(secret[: len(secret) // 2].encode()).decode(),
    lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    lambda secret: base64.b64encode(f"a {secret} b".encode()).decode(),
    lambda secret: base64.urlsafe_b64encode(f"a+{secret}".encode()).decode(),
]


@pytest.mark.parametrize("write", WRITTEN)
def test_search_finds_what_is_planted(write: Callable[[str], str]) -> None:
    secret, search = plant(), Search()
    search.add("here", f"some words {write(secret)} and more")
    search.add("there", "nothing")
    search.add("there too", f"some words {write(plant())} and more")
    assert search.places_of(secret) == {"here"}


@pytest.mark.parametrize("secret", ["whsec_+/a b=ç&%" + "x" * 20, "senha com espaço/e+mais=sinais"])
@pytest.mark.parametrize("write", WRITTEN)
def test_search_finds_secrets_of_other_letters(secret: str, write: Callable[[str], str]) -> None:
    search = Search()
    search.add("here", f"some words {write(secret)} and more")
    search.add("bytes", f"some words {write(secret)} and more".encode())
    assert search.places_of(secret) == {"here", "bytes"}


# --- every place ------------------------------------------------------------------------------------------------------


def test_search_looks_into_every_column_of_every_table() -> None:
    """Each text column takes a canary where its table has a row; what the database itself refuses is counted."""
    make_delivery(body=b"a body", body_format="documented", content_type="text/plain")
    planted, missed = 0, []
    for table, column, key, value in text_columns():
        secret, search = plant(), Search()
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    words = f"UPDATE {quoted(table)} SET {quoted(column)} = %s WHERE {quoted(key)} = %s"
                    cursor.execute(words, [secret, value])
                search.add_database()
                planted += 1
                if search.places_of(secret) != {f"database: {table}.{column}"}:
                    missed.append(f"{table}.{column}")
                transaction.set_rollback(True)
        except DatabaseError:
            # Too short, refused by a constraint, or closed by a trigger: nothing to find there.
            continue
    assert missed == []
    # SQLite takes texts of any length, PostgreSQL those that fit.
    assert planted > (30 if connection.vendor == "postgresql" else 40)


def text_columns() -> list[tuple[str, str, str, Any]]:
    """Each text column of a table that has a row, with that row's key."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            key = connection.introspection.get_primary_key_column(cursor, table)
            cursor.execute(f"SELECT * FROM {quoted(table)} LIMIT 1")
            names = [column[0] for column in cursor.description]
            row = cursor.fetchone()
            if row is not None and key is not None:
                values = dict(zip(names, row, strict=True))
                found += [(table, name, key, values[key]) for name in names if isinstance(values[name], str)]
    return found


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def test_search_looks_into_bytes_and_json_of_the_database(owner: Person) -> None:
    secret, search = plant(), Search()
    make_delivery(body=f"a {secret}".encode(), body_format="documented", content_type="text/plain")
    record(by=owner.actor, action="access.user.changed", obj=owner.user, after={"words": [{"deep": secret}]})
    search.add_database()
    assert search.places_of(secret) == {"database: dispatch_delivery.body", "database: access_auditentry.after"}


def test_search_looks_into_sessions_and_the_cache() -> None:
    kept, cached, search = plant(), plant(), Search()
    session = SessionStore()
    # Long enough to be compressed, as Django then does.
    session["kept"] = {"deep": [kept, "x" * 5_000]}
    session.save()
    caches["default"].set("key", {"deep": cached}, 60)
    search.add_database()
    assert search.places_of(kept) == {"session"}
    assert search.places_of(cached) == {"database: portal_cache.value"}


def test_search_looks_into_files(tmp_path: Path) -> None:
    secret, search = plant(), Search()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "data.csv").write_bytes(secret.encode().hex().encode())
    (tmp_path / "gancho.sqlite3-wal").write_bytes(b"\0\xff" + secret.encode() + b"\xff\0")
    search.add_files(tmp_path)
    assert search.places_of(secret) == {"file: below/data.csv", "file: gancho.sqlite3-wal"}


@pytest.mark.parametrize("part", ["subject", "body", "long body", "attachment", "header"])
def test_search_looks_into_mails(part: str) -> None:
    secret, search = plant(), Search()
    message = EmailMessage("Ação", "Olá", "a@b.test", ["c@d.test"])
    # Twice as long as a line: wherever it is cut, a half would not stand whole in the raw text.
    long = f"ção {'ç' * 41} {secret}"
    if part == "subject":
        message.subject = f"Ação {secret}"
    elif part == "header":
        message.extra_headers["X-Own"] = f"é {secret}"
    elif part == "attachment":
        message.attach("a.bin", b"\0\xff" * 17 + secret.encode(), "application/octet-stream")
    else:
        message.body = secret if part == "body" else long * 30
    message.send()
    assert len(mail.outbox) == 1
    search.add_mails()
    assert search.places_of(secret) == {"mail"}


def test_search_looks_into_logs(lines: Callable[[], str]) -> None:
    """In the words, in a field, and in an error's own words: as production writes them."""
    for number in range(3):
        secret, search = plant(), Search()
        log = logging.getLogger("somewhere")
        if number == 0:
            log.warning("a word %s", secret)
        elif number == 1:
            structlog.get_logger("somewhere").warning("a field", kept={"deep": secret})
        else:
            try:
                int(secret)
            except ValueError:
                log.exception("an error")
        search.add("log", lines())
        assert search.places_of(secret) == {"log"}, number


def test_search_looks_into_metrics(settings: Any) -> None:
    secret, search = plant(), Search()
    settings.PORTAL_METRICS_TOKEN = "a-token-for-the-scrape"
    settings.PORTAL_VERSION = secret
    search.add_metrics()
    assert search.places_of(secret) == {"metrics"}


def test_search_looks_into_exports(owner: Person, tmp_path: Path) -> None:
    secret, search = plant(), Search()
    by = Actor.for_member(owner.membership)
    record(by=by, action="access.user.changed", obj=owner.user, after={"words": secret})
    search.add_exports(tmp_path)
    assert search.places_of(secret) == {"export: csv", "export: jsonl", "export: dumpdata"}


def test_search_looks_into_error_reports(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, search = plant(), Search()

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(secret)

    monkeypatch.setattr("portal.views.Home", broken)
    owner.client.raise_request_exception = False
    with search.reading_error_reports() as reports:
        assert owner.client.get("/").status_code == 500
    assert len(reports) == 2
    assert search.places_of(secret) == {"error report"}


def test_search_looks_into_the_broker(memory_broker: str) -> None:
    secret, search = plant(), Search()
    assert search.add_broker(memory_broker) == 0
    current_app.send_task("dispatch.tasks.nothing", args=[{"deep": f"a {secret}"}], ignore_result=True)
    broker.ask_for_drain()
    wait_until(lambda: search.add_broker(memory_broker) == 2, what="the wake-up")
    assert search.places_of(secret) == {"broker"}
