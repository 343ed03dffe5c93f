"""The verbs of connections and key pairs. Each is one transaction with its audit entry and, where credentials change,
its news.

Locks, in this order: key pair, connections by id, then what the hearers of the news lock.

`proven` False: who acts has not just shown who they are, as pages ask of people (access.reauthentication). What would
create or replace a credential then raises ProofMissing, and nothing is kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone

from access import audit
from access.actors import Actor
from access.errors import ProofMissing
from access.models import Participant
from connections.drafts import ConnectionDraft, find_problems, make_draft, name_problems
from connections.errors import Archived, InUse, InvalidConnection, KeyPairRefused
from connections.key_pairs import ReadKeyPair, Upload, read_key_pair
from connections.models import CachedToken, Connection, KeyPair
from connections.signals import credentials_changed
from connections.uses import find_users
from connections.values import ConnectionValues
from outbound.masking import masked_url
from vault.errors import UnreadableSecret
from vault.sealed_json import to_json

# --- connections --------------------------------------------------------------------------------------------------


def create_connection(
    participant: Participant, *, values: ConnectionValues, by: Actor, uuid: UUID | None = None, proven: bool = True
) -> Connection:
    """Create a connection. Raises InvalidConnection. `uuid` is the form's: sent twice, it makes one connection."""
    # One look: between two of them the same form may come in a second time.
    taken = Connection.objects.filter(uuid__in=[uuid]).first()
    if taken and taken.participant_id == participant.pk:
        return taken
    connection = Connection(participant=participant, created_by=by.label[:200], shared=values.shared)
    connection.uuid = uuid if uuid and not taken else uuid4()
    try:
        with transaction.atomic():
            draft = make_draft(_with_locked_key(values), None)
            _refuse_invalid(draft, participant)
            _refuse_unproven(proven)
            _fill(connection, draft)
            connection.save()
            _record(connection, "connections.connection.created", by=by, after=describe(connection))
    except IntegrityError:
        # The same form at the same time: the database let one in, and that one is meant.
        if uuid and (made := Connection.objects.filter(participant=participant, uuid=uuid).first()):
            return made
        raise
    return connection


def update_connection(
    connection: Connection, *, values: ConnectionValues, by: Actor, proven: bool = True
) -> Connection:
    """Replace the values of a connection; returns the row as it now is. Raises InvalidConnection, Archived.

    What is sent from the next attempt on uses them: the tokens so far are dropped, and the news is sent.
    """
    with transaction.atomic():
        values = _with_locked_key(values)
        locked = _lock_connection(connection)
        draft = make_draft(values, locked)
        _refuse_invalid(draft, locked.participant)
        before, version = describe(locked), locked.credential_version
        _fill(locked, draft)
        # Where a token is asked for, and with what, is part of the credential: elsewhere it would be shown to somebody.
        _refuse_unproven(proven or locked.credential_version == version)
        locked.shared = locked.shared or values.shared
        locked.save()
        before, after = audit.changes(before, describe(locked))
        if before or after:
            _record(locked, "connections.connection.updated", by=by, before=before, after=after)
        if locked.credential_version != version:
            _tell(Connection, connections=[locked.pk], key_pairs=[], by=by)
    return locked


def archive_connection(connection: Connection, *, by: Actor) -> Connection:
    """Take a connection out of use for good, and forget its secrets. Raises InUse. Twice changes nothing the second
    time."""
    with transaction.atomic():
        locked = Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=connection.pk)
        if locked.archived:
            return locked
        _refuse_used(locked)
        locked.archived_at = timezone.now()
        locked.secrets, locked.secrets_version, locked.secrets_set_at = "", None, None
        locked.credential_version = uuid4()
        locked.save()
        CachedToken.objects.filter(connection=locked).delete()
        _record(locked, "connections.connection.archived", by=by, before={"archived": False}, after={"archived": True})
    return locked


def _with_locked_key(values: ConnectionValues) -> ConnectionValues:
    """Hold the key pair that was chosen, so that nobody archives it before the connection points to it."""
    if values.key_pair is None:
        return values
    return replace(values, key_pair=KeyPair.objects.select_for_update(no_key=True).get(pk=values.key_pair.pk))


def _lock_connection(connection: Connection) -> Connection:
    rows = Connection.objects.select_for_update(of=("self",), no_key=True).select_related("participant")
    locked = rows.get(pk=connection.pk)
    if locked.archived:
        raise Archived
    return locked


def _refuse_invalid(draft: ConnectionDraft, participant: Participant) -> None:
    if problems := find_problems(draft, participant):
        raise InvalidConnection(problems)


def _fill(connection: Connection, draft: ConnectionDraft) -> None:
    """Copy the draft to the row, not yet saved. Secrets and credentials get a new version only when they differ."""
    assert draft.kind is not None
    before = _asked_with(connection)
    connection.kind = draft.kind.name
    connection.name, connection.description = draft.values.name.strip(), draft.values.description.strip()
    connection.token_url, connection.private_ca = draft.token_url, draft.private_ca
    connection.settings, connection.key_pair = dict(draft.settings), draft.key_pair
    secrets = to_json(draft.secrets)
    if not secrets:
        connection.secrets, connection.secrets_version, connection.secrets_set_at = "", None, None
    elif connection.secrets_version is None or not _holds(connection, secrets):
        connection.secrets, connection.secrets_version, connection.secrets_set_at = secrets, uuid4(), timezone.now()
    if _asked_with(connection) != before:
        connection.credential_version = uuid4()


def _holds(connection: Connection, secrets: str) -> bool:
    try:
        return connection.secrets == secrets
    except UnreadableSecret:
        return False


def _asked_with(connection: Connection) -> list[Any]:
    """All that a token request is made of; of secrets, their version."""
    names = ("kind", "token_url", "settings", "secrets_version", "key_pair_id", "private_ca")
    return [getattr(connection, name) for name in names]


# --- key pairs ----------------------------------------------------------------------------------------------------


def create_key_pair(
    participant: Participant, *, name: str, upload: Upload, by: Actor, shared: bool = True, proven: bool = True
) -> KeyPair:
    """Keep an uploaded certificate and its key. Raises KeyPairRefused."""
    read = _judge(name, upload)
    _refuse_unproven(proven)
    key_pair = KeyPair(participant=participant, name=name.strip(), created_by=by.label[:200], shared=shared)
    _fill_key_pair(key_pair, read)
    with transaction.atomic():
        key_pair.save()
        _record(key_pair, "connections.key_pair.created", by=by, after=describe_key_pair(key_pair))
    return key_pair


def replace_key_pair(key_pair: KeyPair, *, upload: Upload, by: Actor, proven: bool = True) -> KeyPair:
    """Put another certificate and key in place of these, for everything that uses them, from the next attempt on.
    Raises KeyPairRefused, Archived."""
    read = read_key_pair(upload, now=timezone.now())
    _refuse_unproven(proven)
    with transaction.atomic():
        locked = _lock_key_pair(key_pair)
        users = list(Connection.objects.filter(key_pair=locked).select_for_update(no_key=True).order_by("pk"))
        before = describe_key_pair(locked)
        _fill_key_pair(locked, read)
        locked.save()
        for connection in users:
            connection.credential_version = uuid4()
            connection.save(update_fields=["credential_version", "updated_at"])
        before, after = audit.changes(before, describe_key_pair(locked))
        _record(locked, "connections.key_pair.replaced", by=by, before=before, after=after)
        _tell(KeyPair, connections=[connection.pk for connection in users], key_pairs=[locked.pk], by=by)
    return locked


def rename_key_pair(key_pair: KeyPair, *, name: str, by: Actor) -> KeyPair:
    """Raises KeyPairRefused, Archived."""
    if problems := list(name_problems(name)):
        raise KeyPairRefused(problems)
    with transaction.atomic():
        locked = _lock_key_pair(key_pair)
        before, locked.name = locked.name, name.strip()
        if locked.name != before:
            locked.save(update_fields=["name", "updated_at"])
            change = {"before": {"name": before}, "after": {"name": locked.name}}
            _record(locked, "connections.key_pair.renamed", by=by, **change)
    return locked


def archive_key_pair(key_pair: KeyPair, *, by: Actor) -> KeyPair:
    """Take a key pair out of use for good, and forget its private key. Raises InUse. Twice changes nothing the second
    time."""
    with transaction.atomic():
        locked = KeyPair.objects.select_for_update(of=("self",), no_key=True).get(pk=key_pair.pk)
        if locked.archived:
            return locked
        _refuse_used(locked)
        locked.archived_at, locked.private_key, locked.private_key_version = timezone.now(), "", uuid4()
        locked.save()
        _record(locked, "connections.key_pair.archived", by=by, before={"archived": False}, after={"archived": True})
    return locked


def _judge(name: str, upload: Upload) -> ReadKeyPair:
    problems = list(name_problems(name))
    try:
        read = read_key_pair(upload, now=timezone.now())
    except KeyPairRefused as refused:
        raise KeyPairRefused([*problems, *refused.problems]) from None
    if problems:
        raise KeyPairRefused(problems)
    return read


def _lock_key_pair(key_pair: KeyPair) -> KeyPair:
    rows = KeyPair.objects.select_for_update(of=("self",), no_key=True).select_related("participant")
    locked = rows.get(pk=key_pair.pk)
    if locked.archived:
        raise Archived
    return locked


def _fill_key_pair(key_pair: KeyPair, read: ReadKeyPair) -> None:
    names = ("certificate_pem", "subject", "issuer", "not_before", "not_after", "fingerprint", "algorithm", "key_words")
    for name in names:
        setattr(key_pair, name, getattr(read, name))
    key_pair.private_key, key_pair.private_key_version = read.private_key_pem, uuid4()


# --- what both need -----------------------------------------------------------------------------------------------


def describe(connection: Connection) -> dict[str, Any]:
    """Return the stored values that are no secrets, as the audit trail keeps them."""
    names = ("kind", "name", "description", "shared", "settings", "secrets_version", "private_ca")
    return {name: getattr(connection, name) for name in names} | {
        "token_url": masked_url(connection.token_url),
        # Two addresses may differ only in what is masked.
        "token_url_digest": hashlib.sha256(connection.token_url.encode()).hexdigest()[:12],
        "key_pair": str(connection.key_pair.uuid) if connection.key_pair else None,
    }


def describe_key_pair(key_pair: KeyPair) -> dict[str, Any]:
    """The same for a key pair."""
    names = ("name", "subject", "issuer", "not_before", "not_after", "fingerprint", "key_words", "shared")
    return {name: getattr(key_pair, name) for name in names} | {"private_key_version": key_pair.private_key_version}


def _refuse_unproven(proven: bool) -> None:
    if not proven:
        raise ProofMissing


def _refuse_used(row: Connection | KeyPair) -> None:
    if users := find_users(row):
        raise InUse(users)


def _tell(sender: Any, *, connections: Sequence[int], key_pairs: Sequence[int], by: Actor) -> None:
    """Drop the tokens got with the credentials so far, and send the news."""
    CachedToken.objects.filter(connection__in=connections).delete()
    credentials_changed.send(sender, connections=list(connections), key_pairs=list(key_pairs), by=by)


def _record(row: Connection | KeyPair, action: str, *, by: Actor, **values: dict[str, Any]) -> None:
    audit.record(by=by, action=action, obj=row, participant=row.participant, **values)
