"""Testar: try the form as it stands, saved or not."""

from typing import Any, cast
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from access.decorators import participant_page
from access.errors import ActionError, ProofMissing
from access.models import Participant
from access.reauthentication import Proof
from access.requests import PortalRequest
from access.roles import Role
from connections.uploads import small_uploads
from outbound.trace import list_steps
from webhooks.diagnosis import DIAGNOSES
from webhooks.drafts import make_draft
from webhooks.errors import TooManyTests, WebhookArchived
from webhooks.exchanges import list_token_steps
from webhooks.forms.editor import WebhookEditor
from webhooks.models import Webhook, WebhookTest
from webhooks.rules import find_request_problems
from webhooks.trials import try_webhook
from webhooks.views import find_webhook, form_page, is_htmx


@small_uploads
@require_POST
@participant_page(role=Role.TECHNICAL)
def webhook_test(request: PortalRequest) -> HttpResponse:
    """Answer with the result card, or with the whole page to a browser without JavaScript."""
    webhook, participant = _edited_webhook(request), cast(Participant, request.actor.participant)
    editor, proof = WebhookEditor(participant, webhook, data=request.POST, files=request.FILES), Proof(request)
    result = _try(request, editor, proof)
    if is_htmx(request):
        context = {"editor": editor, "result": result, "proof": proof, "fragment": True}
        return render(request, "webhooks/_test_result.html", context)
    return form_page(request, editor, proof, result=result)


def _try(request: PortalRequest, editor: WebhookEditor, proof: Proof) -> dict[str, Any]:
    values = editor.read()
    # Only what the request needs must be right: a test needs no description, and whatever else is wrong can wait.
    problems = find_request_problems(make_draft(values, editor.webhook, editor.participant))
    editor.drop_problems()
    editor.add_problems(problems)
    if problems:
        return {"lines": editor.lines(), "announce": _("Not tested: there is something to correct.")}
    by, proven = request.actor, proof.given
    try:
        trial = try_webhook(editor.participant, values=values, webhook=editor.webhook, by=by, proven=proven)
    except ProofMissing:
        return {"proof": proof.ask(), "announce": _("Not tested yet: confirm that it is you.")}
    except (TooManyTests, WebhookArchived) as refused:
        message = cast(ActionError, refused).message
        return {"refused": message, "announce": message}
    return describe_trial(trial)


def describe_trial(trial: WebhookTest) -> dict[str, Any]:
    diagnosis, token = DIAGNOSES.get(trial.diagnosis), trial.exchange.get("token")
    failed = _("Test failed: %(reason)s") % {"reason": diagnosis.title} if diagnosis else ""
    return {
        "trial": trial,
        "announce": failed or _("Test delivered: response %(status)s") % {"status": trial.response_status},
        "steps": list_steps(trial.exchange),
        "token_steps": list_token_steps(token) if token else [],
        "token_total": token["milliseconds"].get("total") if token else None,
        "diagnosis": diagnosis,
        "total": trial.exchange["milliseconds"].get("total"),
    }


def _edited_webhook(request: PortalRequest) -> Webhook | None:
    posted = request.POST.get("webhook", "")
    if not posted:
        return None
    try:
        uuid = UUID(posted)
    except ValueError:
        raise Http404 from None
    return find_webhook(request, uuid)
