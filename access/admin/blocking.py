"""Blocking and unblocking participants in the admin: a page shows the effect and asks for the reason, then does it."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from access import actions, slots
from access.actors import Actor
from access.admin.forms import BlockForm
from access.errors import ActionError
from access.models import Participant

PERMISSION = "access.block_participant"
LIST = "admin:access_participant_changelist"

Action = Callable[[Participant], Participant]


class BlockingMixin(admin.ModelAdmin):
    """Adds the two actions and their confirmation pages to the admin of participants."""

    actions = ("block_selected", "unblock_selected")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("block/", self.admin_site.admin_view(self.block_view), name="access_participant_block"),
            path("unblock/", self.admin_site.admin_view(self.unblock_view), name="access_participant_unblock"),
        ]
        return own + super().get_urls()

    def has_block_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description=gettext_lazy("Block the selected participants"), permissions=["block"])
    def block_selected(self, request: HttpRequest, queryset: QuerySet[Participant]) -> HttpResponse:
        return redirect(_url("block", queryset))

    @admin.action(description=gettext_lazy("Unblock the selected participants"), permissions=["block"])
    def unblock_selected(self, request: HttpRequest, queryset: QuerySet[Participant]) -> HttpResponse:
        return redirect(_url("unblock", queryset))

    def block_view(self, request: HttpRequest) -> HttpResponse:
        participants = self._chosen(request, blocked=False)
        form = BlockForm(request.POST or None)
        if request.method == "POST" and participants and form.is_valid():
            reason, by = form.cleaned_data["reason"], _staff(request)
            words = ngettext_lazy("%(n)s participant is blocked now.", "%(n)s participants are blocked now.", "n")
            block = partial(actions.block_participant, reason=reason, by=by)
            return self._do(request, participants, block, words)
        return self._confirm(request, {"participants": participants, "form": form, "title": _("Block participants")})

    def unblock_view(self, request: HttpRequest) -> HttpResponse:
        participants = self._chosen(request, blocked=True)
        if request.method == "POST" and participants:
            words = ngettext_lazy("%(n)s participant is open again.", "%(n)s participants are open again.", "n")
            unblock = partial(actions.unblock_participant, by=_staff(request))
            return self._do(request, participants, unblock, words)
        return self._confirm(request, {"participants": participants, "title": _("Unblock participants")})

    def _chosen(self, request: HttpRequest, *, blocked: bool) -> list[Participant]:
        if not self.has_block_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        uuids = [uuid for uuid in map(_parse_uuid, given.getlist("participant")) if uuid]
        found = Participant.objects.filter(uuid__in=uuids, blocked_at__isnull=not blocked)
        return list(found.annotate(members=Count("memberships")).order_by("name"))

    def _confirm(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        slot = "participants_block_effect" if "form" in context else "participants_unblock_effect"
        context["effect"] = slots.call(slot, request, participants=context["participants"])
        everything = {**self.admin_site.each_context(request), "opts": self.model._meta, **context}
        return TemplateResponse(request, "access/admin/participant_block.html", everything)

    def _do(self, request: HttpRequest, participants: list[Participant], action: Action, words: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                for each in participants:
                    action(each)
        except ActionError as refusal:
            # Somebody else was faster: nothing of this press is done.
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            self.message_user(request, words % {"n": len(participants)}, messages.SUCCESS)
        return redirect(LIST)


def _url(verb: str, queryset: QuerySet[Participant]) -> str:
    query = QueryDict(mutable=True)
    query.setlist("participant", [str(uuid) for uuid in queryset.values_list("uuid", flat=True)])
    return f"{reverse(f'admin:access_participant_{verb}')}?{query.urlencode()}"


def _staff(request: HttpRequest) -> Actor:
    return Actor.for_staff(request.user)  # type: ignore[arg-type]


def _parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
