"""From a posted form to actions, and back to the form with what was refused."""

from collections.abc import Iterator
from dataclasses import replace

from django.db import transaction
from django.http import QueryDict

from access.actors import Actor
from access.errors import ProofMissing
from access.models import Participant
from access.reauthentication import Proof
from connections.actions import create_connection, create_key_pair, update_connection
from connections.drafts import find_problems, make_draft
from connections.errors import InvalidConnection, KeyPairRefused, Problem
from connections.forms.editor import ROWS, ConnectionEditor
from connections.forms.header_rows import read_typed_rows
from connections.kinds.field import KEY_PAIR
from connections.kinds.kind import Kind
from connections.models import Connection, KeyPair
from connections.values import ConnectionValues


def save_posted(editor: ConnectionEditor, *, by: Actor, proof: Proof) -> Connection | None:
    """Save what was posted, an upload with it. None when it was refused: the editor then holds every reason, the form's
    and the rules', or `proof` is asked for. Raises Archived."""
    if made := _made_before(editor):
        return made
    values = editor.read()
    editor.add_problems(_find_problems(editor, values))
    try:
        with transaction.atomic():
            if editor.wants_upload:
                values = replace(values, key_pair=_store_upload(editor, by, proof))
            _refuse_wrong(editor)
            return _save(editor, values, by, proof)
    except _MadeMeanwhile as meanwhile:
        return meanwhile.connection
    except ProofMissing:
        proof.ask()
    except InvalidConnection as invalid:
        # Somebody else was quicker between our look and our save.
        editor.add_problems(invalid.problems)
    except _Refused:
        pass
    return None


class _Refused(Exception):
    """There is something to correct; an upload that was stored meanwhile is undone."""


class _MadeMeanwhile(Exception):
    """The same form came in twice at once: the other's connection is meant, and our upload is undone."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection


def _made_before(editor: ConnectionEditor) -> Connection | None:
    """Return what the same form made already: sent twice, it uploads nothing a second time."""
    if editor.connection is not None:
        return None
    found: Connection | None = Connection.objects.filter(
        participant=editor.participant, uuid=editor.new_uuid, kind=editor.kind.name
    ).first()
    return found


def _refuse_wrong(editor: ConnectionEditor) -> None:
    if editor.lines():
        raise _Refused


def _find_problems(editor: ConnectionEditor, values: ConnectionValues) -> Iterator[Problem]:
    for problem in find_problems(make_draft(values, editor.connection), editor.participant):
        # What is about to be uploaded is not missing.
        if not (editor.wants_upload and problem.field == KEY_PAIR):
            yield problem


def _store_upload(editor: ConnectionEditor, by: Actor, proof: Proof) -> KeyPair:
    upload = editor.upload.upload()
    # What is wrong elsewhere in the form is said before the proof is asked for.
    proven = proof.given or bool(editor.lines())
    try:
        name = editor.upload.cleaned_data.get("name", "")
        return create_key_pair(editor.participant, name=name, upload=upload, by=by, proven=proven)
    except KeyPairRefused as refused:
        editor.upload.add_problems(refused.problems)
        raise _Refused from None


def _save(editor: ConnectionEditor, values: ConnectionValues, by: Actor, proof: Proof) -> Connection:
    if editor.connection is not None:
        return update_connection(editor.connection, values=values, by=by, proven=proof.given)
    made = create_connection(editor.participant, values=values, by=by, uuid=editor.new_uuid, proven=proof.given)
    if editor.wants_upload and made.key_pair != values.key_pair:
        raise _MadeMeanwhile(made)
    return made


def typed_again(
    data: QueryDict, participant: Participant, kind: Kind, connection: Connection | None = None
) -> ConnectionEditor | None:
    """Return the form to show again when one of its own buttons was pressed instead of Save: one header more or less,
    or the fields of what was just chosen. Only browsers without JavaScript ask for it."""
    if not {"add_header", "remove_header", "show_fields"} & data.keys():
        return None
    rows = read_typed_rows(data, prefix=ROWS, add="add_header" in data, remove=data.get("remove_header", ""))
    return ConnectionEditor(participant, kind, connection, typed=data, rows=rows)
