"""Secrets as canaries: how they are planted, thrown back by receivers, and looked for (X-3)."""

import base64
import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import uuid4

import kombu
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import connection
from django.test import Client
from django.views.debug import ExceptionReporter
from kombu.transport import memory

from dispatch.broker import ask_for_drain
from outbound.transfer import KEEP_BYTES
from tests.receiver import Answer, Connection, Received


def plant() -> str:
    return f"CANARY-{uuid4()}"


def forms_of(secret: str) -> set[str]:
    """The ways to write a secret that are looked for, and those of each half of it."""
    middle = len(secret) // 2
    found = set()
    for part in (secret, secret[:middle], secret[middle:]):
        raw = part.encode()
        # Bytes are searched as if each were a letter.
        found |= {part, raw.decode("latin-1"), quote(part, safe=""), quote_plus(part), raw.hex(), raw.hex().upper()}
        # The characters that depend on what stands before and after are left out.
        encoded = {base64.b64encode(b" " * shift + raw)[4 * bool(shift) : -4].decode() for shift in range(3)}
        found |= encoded | {each.replace("+", "-").replace("/", "_") for each in encoded}
    return found


class Search:
    """Remembers texts with the place where each was found, and tells which of them hold a canary."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def add(self, place: str, content: str | bytes) -> None:
        self.texts.append((place, content if isinstance(content, str) else content.decode("latin-1")))

    def places_of(self, secret: str) -> set[str]:
        needles = forms_of(secret)
        # A look at everything at once is several times faster than one at each of thousands of texts.
        together = "\0".join(content for _place, content in self.texts)
        if not any(needle in together for needle in needles):
            return set()
        return {place for place, content in self.texts if any(needle in content for needle in needles)}

    def add_database(self) -> None:
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                columns = [column[0] for column in cursor.description]
                for row in cursor.fetchall():
                    for column, value in zip(columns, row, strict=True):
                        place = f"database: {table}.{column}"
                        self.add(place, bytes(value) if isinstance(value, bytes | memoryview) else str(value))

        for session in Session.objects.all():
            self.add("session", json.dumps(session.get_decoded()))

    def add_files(self, folder: Path) -> None:
        """Every file, the database's own among them on SQLite: what was once written in the clear may stand there."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.add(f"file: {path.relative_to(folder)}", path.read_bytes())

    def add_mails(self) -> None:
        """As they go over the wire, and as their reader sees them: long lines and other letters are encoded."""
        for message in getattr(mail, "outbox", []):
            built = message.message()
            self.add("mail", built.as_bytes())
            self.add("mail", " ".join(str(make_header(decode_header(str(value)))) for value in built.values()))
            for part in built.walk():
                if content := part.get_payload(decode=True):
                    self.add("mail", content)

    def add_exports(self, folder: Path) -> None:
        """The audit trail in each format, and Django's own dump of all rows."""
        for kind in ("csv", "jsonl"):
            target = folder / f"audit.{kind}"
            call_command("export_audit", format=kind, output=str(target), stderr=io.StringIO())
            self.add(f"export: {kind}", target.read_bytes())
        dump = io.StringIO()
        call_command("dumpdata", stdout=dump)
        self.add("export: dumpdata", dump.getvalue())

    def add_metrics(self) -> None:
        """What a scrape reads."""
        answer = Client().get("/metrics", headers={"authorization": f"Bearer {settings.PORTAL_METRICS_TOKEN}"})
        assert answer.status_code == 200
        self.add("metrics", answer.content)

    def add_broker(self, url: str) -> int:
        """Every message that lies at a broker; returns how many. They stay there."""
        messages = list(_read_redis(url) if url.startswith("redis") else _read_memory())
        for message in messages:
            self.add("broker", message)
            # kombu writes the body as base64 inside of JSON.
            self.add("broker", base64.b64decode(json.loads(message)["body"]))
        return len(messages)

    @contextmanager
    def reading_error_reports(self) -> Iterator[list[str]]:
        """What Django would mail to administrators about each request that fails meanwhile, in both its forms."""
        reports: list[str] = []

        def write(sender: object, request: Any = None, **kwargs: object) -> None:
            reporter = ExceptionReporter(request, *sys.exc_info(), is_email=True)
            reports.extend((reporter.get_traceback_html(), reporter.get_traceback_text()))

        got_request_exception.connect(write)
        try:
            yield reports
        finally:
            got_request_exception.disconnect(write)
            for report in reports:
                self.add("error report", report)


def look_everywhere(search: Search, folder: Path, broker_url: str) -> None:
    """Everything that outlives a request: database, files, mails, exports, metrics, broker. `folder`: for exports."""
    search.add_database()
    search.add_files(Path(settings.PORTAL_HOME))
    search.add_mails()
    search.add_exports(folder)
    settings.PORTAL_METRICS_TOKEN = settings.PORTAL_METRICS_TOKEN or "a-token-for-the-scrape"
    search.add_metrics()
    ask_for_drain()
    deadline = time.monotonic() + 10
    while not search.add_broker(broker_url):
        assert time.monotonic() < deadline, "no message lies at the broker"
        time.sleep(0.05)


def _read_memory() -> Iterator[str]:
    for queue in memory.Channel.queues.values():
        for message in list(queue.queue):
            yield json.dumps(message)


def _read_redis(url: str) -> Iterator[str]:
    with kombu.Connection(url) as link:
        client = link.default_channel.client
        for key in client.keys("*"):
            if client.type(key) == b"list":
                yield from (message.decode() for message in client.lrange(key, 0, -1))


class Echo:
    """A receiver that says no and throws back all that it was sent, in every way that it can be written."""

    status = 401

    def __init__(self, secrets: list[str], *, before: int = 0) -> None:
        self.secrets, self.before = secrets, before

    def give(self, request: Received, connection: Connection) -> None:
        words = [secret.encode() for secret in self.secrets]
        said = [f"{request.method} {request.target}".encode(), json.dumps(request.headers).encode()]
        said += [word for each in words for word in (each, base64.b64encode(each), each.hex().encode())]
        said += [quote(secret, safe="").encode() for secret in self.secrets]
        # As PHP writes JSON.
        said += [json.dumps(secret).replace("/", "\\/").encode() for secret in self.secrets]
        headers = [("X-Echo", word.decode()) for word in said] + [("Location", request.target)]
        Answer(self.status, b"x" * self.before + b"\n".join(said), headers).give(request, connection)


class Failing(Echo):
    """A receiver that fails, and shows in its error page what it was sent."""

    status = 500


def cut_echo(secrets: list[str]) -> Echo:
    """Its first secret is cut off by the end of what we keep of an answer."""
    return Echo(secrets[:1], before=KEEP_BYTES - 60)
