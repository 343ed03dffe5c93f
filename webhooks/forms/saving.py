"""From a posted form to an action, and back to the form with what was refused."""

from django.http import HttpRequest

from access.actors import Actor
from access.errors import ProofMissing
from access.models import Participant
from access.reauthentication import Proof
from webhooks.actions import create_webhook, update_webhook
from webhooks.drafts import make_draft
from webhooks.errors import InvalidWebhook
from webhooks.forms.editor import WebhookEditor
from webhooks.forms.header_rows import PREFIX, read_typed_rows
from webhooks.forms.rows import ADD, REMOVE, pressed_row_button
from webhooks.models import Webhook
from webhooks.rules import find_problems
from webhooks.values import WebhookValues


def save_posted(editor: WebhookEditor, *, by: Actor, proof: Proof) -> Webhook | None:
    """Save what was posted. None when it was refused: the editor then holds every reason, the form's and the rules', or
    `proof` is asked for."""
    values = editor.read()
    editor.add_problems(find_problems(make_draft(values, editor.webhook, editor.participant), editor.participant))
    if editor.has_problems():
        return None
    try:
        return _save(editor, values, by, proof)
    except InvalidWebhook as invalid:
        # Somebody else was quicker between our look and our save.
        editor.add_problems(invalid.problems)
    except ProofMissing:
        proof.ask()
    return None


def _save(editor: WebhookEditor, values: WebhookValues, by: Actor, proof: Proof) -> Webhook:
    if editor.webhook is None:
        return create_webhook(editor.participant, values=values, by=by, uuid=editor.new_uuid, proven=proof.given)
    return update_webhook(editor.webhook, values=values, by=by, proven=proof.given)


def typed_again(request: HttpRequest, participant: Participant, webhook: Webhook | None = None) -> WebhookEditor | None:
    """Return the form to show again when one of its own buttons was pressed instead of Save: one row more or less, or
    the fields of another authentication type. Only browsers without JavaScript ask for it."""
    data = request.POST
    if not {ADD, REMOVE, "show_method"} & data.keys():
        return None
    add, remove = pressed_row_button(data, PREFIX)
    rows = read_typed_rows(data, add=add, remove=remove)
    return WebhookEditor(participant, webhook, files=request.FILES, typed=data, rows=rows)
