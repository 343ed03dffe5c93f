"""Pausing webhooks and starting them again in the admin: a page shows the effect first and asks why; a right of its
own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access.actors import Actor
from dispatch.backlog import COUNTED_AT_MOST, count_text
from dispatch.bounded import BoundedCount
from dispatch.models import Delivery, State
from webhooks.actions import restate_stop, resume_webhook, stop_webhook
from webhooks.models import StoppedReason, Webhook

PERMISSION = "webhooks.pause_webhook"
# A page of the list; the address that carries them is cut at 4 KiB by the web server.
MOST = 50


class PauseForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("Kept in the audit trail. The participant is told of the pause, not of this text."),
    )


@dataclass(frozen=True)
class Row:
    """One chosen webhook, and how many notifications the deed concerns: waiting for a pause, held for a resumption."""

    webhook: Webhook
    count: int

    @property
    def text(self) -> str:
        return count_text(self.count)


class PausingMixin(admin.ModelAdmin):
    """Adds both actions and their confirmation pages to the admin of webhooks."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("pause/", view(self.pause_view), name="webhooks_webhook_pause"),
            path("resume/", view(self.resume_view), name="webhooks_webhook_resume"),
        ]
        return own + super().get_urls()

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description=gettext_lazy("Pause"), permissions=["pause"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse:
        return self._ask("pause", request, queryset)

    @admin.action(description=gettext_lazy("Start again"), permissions=["pause"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse:
        return self._ask("resume", request, queryset)

    def pause_view(self, request: HttpRequest) -> HttpResponse:
        rows = self._chosen(request, State.WAITING, ~Q(stopped_reason=StoppedReason.PAUSED))
        form = PauseForm(request.POST or None)
        if request.method == "POST" and rows and form.is_valid():
            note, by = form.cleaned_data["note"], Actor.for_staff(request.user)  # type: ignore[arg-type]
            done = sum(_pause(row.webhook, note, by) for row in rows)
            words = ngettext("%(n)s webhook is paused.", "%(n)s webhooks are paused.", done)
            return self._tell(request, words % {"n": done}, wanted=len(rows), done=done)
        return self._confirm(request, rows, title=_("Pause webhooks"), form=form)

    def resume_view(self, request: HttpRequest) -> HttpResponse:
        rows = self._chosen(request, State.HELD, Q(stopped_at__isnull=False))
        if request.method == "POST" and rows:
            by = Actor.for_staff(request.user)  # type: ignore[arg-type]
            done = sum(resume_webhook(row.webhook, by=by) for row in rows)
            words = ngettext("%(n)s webhook receives again.", "%(n)s webhooks receive again.", done)
            return self._tell(request, words % {"n": done}, wanted=len(rows), done=done)
        return self._confirm(request, rows, title=_("Start webhooks again"))

    def _ask(self, verb: str, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse:
        uuids = list(queryset.values_list("uuid", flat=True)[: MOST + 1])
        if len(uuids) > MOST:
            words = _("These are the first %(n)s of those chosen. Repeat it for the others.")
            self.message_user(request, words % {"n": MOST}, messages.WARNING)
        return redirect(pausing_url(verb, uuids[:MOST]))

    def _chosen(self, request: HttpRequest, state: str, concerned: Q) -> list[Row]:
        if not self.has_pause_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        uuids = [uuid for uuid in map(_parse_uuid, given.getlist("webhook")[:MOST]) if uuid]
        own = Delivery.objects.filter(webhook=OuterRef("pk"), state=state).order_by().values("pk")
        found = Webhook.objects.live().filter(concerned, uuid__in=uuids).select_related("participant")
        counted: Any = found.annotate(concerns=BoundedCount(own[:COUNTED_AT_MOST]))
        return [
            Row(webhook, webhook.concerns) for webhook in counted.order_by("participant__name", "description", "pk")
        ]

    def _confirm(self, request: HttpRequest, rows: list[Row], **more: Any) -> HttpResponse:
        total = sum(row.count for row in rows)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "rows": rows,
            "total": total,
            "total_text": count_text(total),
            "back": _way_back(request),
            **more,
        }
        return TemplateResponse(request, "admin/dispatch/pausing.html", context)

    def _tell(self, request: HttpRequest, words: str, *, wanted: int, done: int) -> HttpResponse:
        # Fewer than wanted: somebody else was faster, or the system.
        self.message_user(request, words, messages.SUCCESS if done == wanted else messages.WARNING)
        return redirect(_way_back(request))


def pausing_url(verb: str, uuids: Sequence[UUID], *, back: str = "") -> str:
    """Return the address of the confirmation page. `verb`: pause or resume; `back`: where it leads to afterwards."""
    query = QueryDict(mutable=True)
    query.setlist("webhook", [str(uuid) for uuid in uuids])
    if back:
        query["back"] = back
    return f"{reverse(f'admin:webhooks_webhook_{verb}')}?{query.urlencode()}"


def _pause(webhook: Webhook, note: str, by: Actor) -> bool:
    """Also one that the system has stopped: else a probe, or its owner, would start it under the eyes of operations."""
    reason = StoppedReason.PAUSED
    if webhook.stopped:
        return restate_stop(webhook, reason=reason, by=by, note=note)
    return stop_webhook(webhook, reason=reason, by=by, note=note)


def _way_back(request: HttpRequest) -> str:
    given = request.POST if request.method == "POST" else request.GET
    wanted = given.get("back", "")
    own = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if own else reverse("admin:webhooks_webhook_changelist")


def _parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
