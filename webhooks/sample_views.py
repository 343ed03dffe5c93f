"""Receivers written for one webhook: the page that leads from here to a verified notification, and the file itself."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access.decorators import participant_page
from access.requests import PortalRequest
from access.roles import Role
from webhooks.auth import registry
from webhooks.samples.languages import LANGUAGES, Language
from webhooks.samples.recipe import PORT, build_recipe
from webhooks.samples.writing import write_sample
from webhooks.views import after_saving, find_webhook


@require_safe
@participant_page(role=Role.TECHNICAL)
def webhook_receiver(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook, language = find_webhook(request, uuid), _language(request)
    recipe = build_recipe(webhook)
    context = {
        "webhook": webhook,
        "method": registry.METHODS.get(webhook.auth_method),
        "languages": LANGUAGES.values(),
        "language": language,
        "recipe": recipe,
        "settings": recipe.settings_for(language.code),
        "port": recipe.port or PORT,
        "commands": [*language.commands(recipe.sections), language.start_with(recipe.sections)],
        "tried": language.is_tried(recipe.sections),
        "text": write_sample(language, recipe),
        "webhook_url": after_saving(webhook),
    }
    return render(request, "webhooks/webhook_receiver.html", context)


@require_safe
@participant_page(role=Role.TECHNICAL)
def webhook_receiver_file(request: PortalRequest, uuid: UUID) -> HttpResponse:
    webhook, language = find_webhook(request, uuid), _language(request)
    response = HttpResponse(write_sample(language, build_recipe(webhook)), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{language.file_name}"'
    return response


def _language(request: PortalRequest) -> Language:
    """Return the language that the address names; the first one when it names none."""
    code = request.GET.get("language", next(iter(LANGUAGES)))
    if code not in LANGUAGES:
        raise Http404
    return LANGUAGES[code]
