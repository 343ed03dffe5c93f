"""Secrets as canaries: how they are planted, thrown back by receivers, and looked for (X-3)."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus
from uuid import uuid4

from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection

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
        found |= {part, quote(part, safe=""), quote_plus(part), raw.hex(), raw.hex().upper()}
        # The characters that depend on what stands before and after are left out.
        found |= {base64.b64encode(b" " * shift + raw)[4 * bool(shift) : -4].decode() for shift in range(3)}
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
        for path in folder.rglob("*"):
            if path.is_file() and "sqlite3" not in path.name:
                self.add(f"file: {path.relative_to(folder)}", path.read_bytes())

    def add_mails(self) -> None:
        for message in getattr(mail, "outbox", []):
            self.add("mail", message.message().as_bytes())


class Echo:
    """A receiver that says no and throws back all that it was sent, in every way that it can be written."""

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
        Answer(401, b"x" * self.before + b"\n".join(said), headers).give(request, connection)


def cut_echo(secrets: list[str]) -> Echo:
    """Its first secret is cut off by the end of what we keep of an answer."""
    return Echo(secrets[:1], before=KEEP_BYTES - 60)
