"""How a posted form is answered: beside the form that htmx left alone, or with a whole page."""

from typing import Any

from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render

from access.reauthentication import Proof
from access.requests import PortalRequest


def refused_form(request: PortalRequest, template: str, form: BaseForm, *, proof: Proof, **more: Any) -> HttpResponse:
    """Say what to correct, or ask for the proof. htmx leaves the inputs alone, so that no file or secret has to be
    given again; without it the page comes back with everything typed but those."""
    context = {"lines": form_lines(form), "proof": proof}
    if is_htmx(request):
        return render(request, "connections/_form_errors.html", context | {"fragment": True})
    return render(request, template, {"form": form, **context, **more})


def form_lines(*forms: BaseForm) -> list[tuple[Any, Any, str]]:
    """Return everything to correct, in the order of the page: label, message, id of the control."""
    lines: list[tuple[Any, Any, str]] = []
    for form in forms:
        lines += [("", message, "") for message in form.non_field_errors()]
        for bound in form:
            lines += [(bound.label, message, bound.auto_id) for message in bound.errors]
    return lines


def go_to(request: PortalRequest, url: str) -> HttpResponse:
    if not is_htmx(request):
        return redirect(url)
    response = HttpResponse()
    response["HX-Redirect"] = url
    return response


def is_htmx(request: PortalRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
