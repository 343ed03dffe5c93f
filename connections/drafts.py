"""The values that somebody wants a connection to have, put together with what is stored of it, ready to be judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.utils.translation import gettext as _

from access.models import Participant
from connections.errors import Problem
from connections.kinds.field import HEADERS, REQUIRED, TEXTS
from connections.kinds.kind import Draft, Kind, header_secret
from connections.kinds.registry import KINDS
from connections.models import Connection, KeyPair
from connections.values import ConnectionValues, TokenHeader
from outbound.addresses import check_url
from outbound.errors import Refused
from vault.errors import UnreadableSecret
from vault.kept import KEPT
from vault.sealed_json import open_json

MAX_NAME = 120
MAX_DESCRIPTION = 2_000


@dataclass(frozen=True, repr=False)
class ConnectionDraft:
    """A connection as it would be stored. `settings` and `secrets` hold what its kind has, rows of headers included;
    `headers` the (name, value) of those rows; `again` the fields of kept secrets that would go to another server."""

    values: ConnectionValues
    connection: Connection | None
    kind: Kind | None
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    headers: tuple[tuple[str, str], ...]
    again: tuple[str, ...] = ()

    @property
    def key_pair(self) -> KeyPair | None:
        """The chosen one, where one is asked for: one that nothing uses could not be archived."""
        return self.values.key_pair if self.kind and self.kind.asks_for_key(self.settings) else None

    @property
    def token_url(self) -> str:
        return self.values.token_url.strip()

    @property
    def private_ca(self) -> str:
        # A browser sends other line ends than a program: the same text must not become another version.
        return unix_lines(self.values.private_ca).strip()


def make_draft(values: ConnectionValues, connection: Connection | None) -> ConnectionDraft:
    """Fill in what is kept. Values that the kind doesn't ask for, by itself or with these settings, are left out."""
    kind = KINDS.get(values.kind)
    if kind is None:
        return ConnectionDraft(values, connection, None, {}, {}, ())
    settings = _settings(kind, values)
    # Another kind's secrets are never taken over, even where two fields share a name.
    stored = stored_secrets(connection) if connection and connection.kind == kind.name else {}
    secrets = {}
    for each in kind.fields:
        if each.secret and each.is_shown(settings):
            given = values.secrets.get(each.name, KEPT)
            secrets[each.name] = stored.get(each.name, "") if given is KEPT else unix_lines(given)
    rows, row_secrets = write_header_rows(values.headers, stored)
    headers = tuple((row["name"], row_secrets.get(header_secret(row["id"]), row["value"])) for row in rows)
    if any(each.widget == HEADERS for each in kind.fields):
        settings["headers"] = rows
        secrets |= row_secrets
    secrets = {name: value for name, value in secrets.items() if value}
    again = tuple(_kept_fields(kind, values, secrets, rows)) if _goes_elsewhere(values, connection) else ()
    return ConnectionDraft(values, connection, kind, settings, secrets, headers, again)


def _goes_elsewhere(values: ConnectionValues, connection: Connection | None) -> bool:
    """Whether the secrets would go to another server than the one that they were given for."""
    if connection is None:
        return False
    server = server_of(values.token_url.strip())
    return server is not None and server != server_of(connection.token_url)


def server_of(url: str) -> tuple[str, int] | None:
    """Return host and port of an address, 0 for the usual ones; None for one that is never called."""
    try:
        address = check_url(url)
    except Refused:
        return None
    return address.host, 0 if address.port in (80, 443) else address.port


def _kept_fields(
    kind: Kind, values: ConnectionValues, secrets: Mapping[str, str], rows: list[dict[str, Any]]
) -> Iterator[str]:
    for each in kind.fields:
        if each.secret and each.name in secrets and values.secrets.get(each.name, KEPT) is KEPT:
            yield each.name
    for index, (header, row) in enumerate(zip(values.headers, rows, strict=True)):
        if header.value is KEPT and header_secret(row["id"]) in secrets:
            yield f"headers.{index}.value"


def _settings(kind: Kind, values: ConnectionValues) -> dict[str, Any]:
    asked = [each for each in kind.fields if each.widget in TEXTS and not each.secret]
    given = {each.name: unix_lines(str(values.settings.get(each.name, ""))).strip() for each in asked}
    filled = {each.name: given[each.name] or each.default for each in asked}
    return {each.name: filled[each.name] for each in asked if each.is_shown(filled)}


def write_header_rows(
    headers: tuple[TokenHeader, ...], stored: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows for the settings, without the values of secret ones, and those values. `stored`: the secrets so
    far, from which KEPT takes."""
    rows, secrets = [], {}
    taken: set[str] = set()
    for header in headers:
        # Of two rows under one id, which no form sends, only the first continues the stored one.
        key = header.id if header.id and header.id not in taken else uuid4().hex[:12]
        taken.add(key)
        value = stored.get(header_secret(key), "") if header.value is KEPT else header.value
        hidden = header.value is KEPT and not header.secret
        rows.append(
            {
                "id": key,
                "name": header.name.strip(),
                "secret": header.secret,
                "value": "" if header.secret or hidden else value,
            }
        )
        if header.secret and value:
            secrets[header_secret(key)] = value
    return rows, secrets


def stored_secrets(connection: Connection | None) -> dict[str, str]:
    """Return what is stored; nothing when it can't be opened, so that it has to be given again."""
    try:
        return open_json(connection.secrets) if connection else {}
    except UnreadableSecret:
        return {}


def unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- judging ------------------------------------------------------------------------------------------------------


def find_problems(draft: ConnectionDraft, participant: Participant) -> list[Problem]:
    """Return everything that keeps this draft from being saved for the participant."""
    return [
        *_text_problems(draft.values),
        *again_problems(draft),
        *_kind_problems(draft),
        *_key_problems(draft, participant),
    ]


def again_problems(draft: ConnectionDraft) -> Iterator[Problem]:
    """Yield each secret that must be entered again: whoever changes an address must know what is sent there."""
    for field in draft.again:
        yield elsewhere_problem(field)


def elsewhere_problem(field: str) -> Problem:
    message = _("This secret was entered for another server. Enter it again to send it to this one.")
    return Problem(field, "secret_elsewhere", message)


def _text_problems(values: ConnectionValues) -> Iterator[Problem]:
    yield from name_problems(values.name)
    if len(values.description) > MAX_DESCRIPTION:
        yield Problem("description", "too_long", _("At most %(limit)s characters.") % {"limit": MAX_DESCRIPTION})
    elif "\0" in values.description:
        yield Problem("description", "unprintable", _("Use letters, digits and signs that can be seen."))


def name_problems(name: str) -> Iterator[Problem]:
    """Yield what is wrong with the name of a connection or of a key pair."""
    if not name.strip():
        yield Problem("name", "required", REQUIRED)
    elif len(name) > MAX_NAME:
        yield Problem("name", "too_long", _("At most %(limit)s characters.") % {"limit": MAX_NAME})
    elif not name.isprintable():
        yield Problem("name", "unprintable", _("Use letters, digits and signs that can be seen."))


def _kind_problems(draft: ConnectionDraft) -> Iterator[Problem]:
    connection, kind = draft.connection, draft.kind
    if kind is None:
        yield Problem("kind", "unknown", _("Choose one of the options."))
        return
    if connection and connection.shared and connection.kind != kind.name:
        message = _("The kind of a connection that others may use can't be changed. Create another connection.")
        yield Problem("kind", "kind_fixed", message)
    yield from kind.problems(
        Draft(
            token_url=draft.token_url,
            settings=draft.settings,
            secrets=draft.secrets,
            headers=draft.headers,
            has_key=draft.key_pair is not None,
            private_ca=draft.private_ca,
        )
    )


def _key_problems(draft: ConnectionDraft, participant: Participant) -> Iterator[Problem]:
    key_pair, connection = draft.key_pair, draft.connection
    if key_pair is None:
        return
    # One that belongs to a webhook goes when that webhook lets go of it; only that webhook's connection may use it.
    own = not draft.values.shared or (connection is not None and connection.key_pair_id == key_pair.pk)
    usable = key_pair.shared or own
    if key_pair.participant_id != participant.pk or key_pair.archived or not usable:
        message = _("This certificate is no longer available. Choose another one.")
        yield Problem("key_pair", "key_pair_unknown", message)
