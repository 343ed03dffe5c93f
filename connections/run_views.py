"""Obter Credenciais: run a connection, look at what came of it, and, with the password typed again, at the token."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import participant_page
from access.errors import ActionError
from access.reauthentication import Proof
from access.requests import PortalRequest
from access.roles import Role
from connections.errors import InvalidConnection
from connections.forms.arguments import ArgumentsForm
from connections.models import Connection, ConnectionRun
from connections.pages.answers import form_lines, is_htmx
from connections.pages.details import endpoint_of
from connections.pages.listing import kind_label
from connections.pages.runs import describe_run
from connections.run import Outcome, reveal_token, run_connection
from connections.views import find_connection, find_kind
from outbound.masking import masked_url
from vault.errors import UnreadableSecret


@require_http_methods(["GET", "HEAD", "POST"])
@participant_page(role=Role.TECHNICAL)
def connection_run(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """The form of the operation; a POST runs it and answers with the result: a card for htmx, else the run's page."""
    connection = find_connection(request, uuid, live=True)
    if request.method != "POST":
        return run_page(request, connection, _first_form(connection), {})
    form = ArgumentsForm(find_kind(connection.kind), request.POST)
    try:
        run = run_connection(connection, arguments=form.arguments(), by=request.actor)
    except InvalidConnection as invalid:
        form.add_problems(invalid.problems)
        lines = form_lines(form)
        return run_page(request, connection, form, {"lines": lines, "announce": _("There is something to correct.")})
    except ActionError as refused:
        return run_page(request, connection, form, {"refused": refused.message, "announce": refused.message})
    if not is_htmx(request):
        return redirect("connections:run-detail", uuid=run.uuid)
    return run_page(request, connection, form, describe_run(run, readable=True) | {"announced": True})


@require_safe
@participant_page()
def run_detail(request: PortalRequest, uuid: UUID) -> HttpResponse:
    return detail_page(request, find_run(request, uuid))


@require_POST
@participant_page(role=Role.TECHNICAL)
@sensitive_variables("token")
def run_token_show(request: PortalRequest, uuid: UUID) -> HttpResponse:
    """Show the token in the answer to the POST itself: it is kept in no session, message or address."""
    run, proof = find_run(request, uuid), Proof(request)
    if not run.succeeded or Outcome.of(run).private or proof.ask():
        return detail_page(request, run, proof=proof)
    try:
        token = reveal_token(run, by=request.actor)
    except UnreadableSecret:
        messages.error(request, _("The token can no longer be read. Obtain another one."))
        return redirect("connections:run-detail", uuid=uuid)
    response = detail_page(request, run, proof=proof, token=token)
    add_never_cache_headers(response)
    return response


def find_run(request: PortalRequest, uuid: UUID) -> ConnectionRun:
    mine = ConnectionRun.objects.for_actor(request.actor).filter(purge_at__gt=timezone.now())
    return get_object_or_404(mine.select_related("connection__participant", "connection__key_pair"), uuid=uuid)


def run_page(
    request: PortalRequest, connection: Connection, form: ArgumentsForm, result: dict[str, Any]
) -> HttpResponse:
    context = {
        "connection": connection,
        "kind": kind_label(connection),
        "address": masked_url(endpoint_of(connection)),
        "form": form,
        "lines": result.get("lines", []),
        "result": result,
        "proof": Proof(request),
    }
    template = "connections/_run_result.html" if is_htmx(request) else "connections/connection_run.html"
    return render(request, template, context)


def detail_page(
    request: PortalRequest, run: ConnectionRun, *, proof: Proof | None = None, token: str = ""
) -> HttpResponse:
    context = {
        "connection": run.connection,
        "kind": kind_label(run.connection),
        "result": describe_run(run, readable=request.actor.can_configure),
        "proof": proof or Proof(request),
        "token_shown": token,
    }
    return render(request, "connections/run_detail.html", context)


def _first_form(connection: Connection) -> ArgumentsForm:
    """Begin with what was asked for last: people run the same thing again."""
    last = connection.runs.order_by("-at", "-pk").values_list("arguments", flat=True).first()
    return ArgumentsForm(find_kind(connection.kind), before=last)
