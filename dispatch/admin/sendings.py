"""Sendings by hand in the admin: send all, resend pending, stop, and what becomes of what is held. Each shows its
effect first and asks for a confirmation; they have a right of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access.actors import Actor
from access.admin.columns import titled
from access.errors import ActionError
from access.templatetags.house import when
from dispatch.admin.cells import EMPTY, WebhookColumnMixin, link_to, moment_words
from dispatch.admin.filters import WebhookFilter
from dispatch.admin.pausing import PausingMixin
from dispatch.admin.read_only import ReadOnlyAdmin, SearchByWebhookMixin
from dispatch.admin.webhook_health import HealthMixin
from dispatch.batches import count_batch, find_running, start_batch, stop_batch
from dispatch.holding import Choice, count_held, release_held
from dispatch.models import Cause, SendBatch
from dispatch.pages.products import why_not_sendable
from dispatch.previews import preview_batch
from webhooks.admin import WebhookAdmin
from webhooks.models import Webhook

STOP, HELD = "stop", "held"
# A page of the list: each webhook's effect costs a few queries.
MOST = 50


@dataclass(frozen=True)
class Effect:
    """What a confirmation would do to one webhook: how many go (or are stopped, or decided on), how many stay."""

    webhook: Webhook
    token: UUID
    count: int
    staying: int = 0
    refusal: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Deed:
    """One of the things that operations may do to chosen webhooks."""

    # Words, translated when they are shown.
    title: Any
    effect: Any
    count_title: Any
    foresee: Callable[[Webhook], Effect]


def _foresee_batch(kind: str) -> Callable[[Webhook], Effect]:
    def foresee(webhook: Webhook) -> Effect:
        preview = preview_batch(webhook, kind)
        refusal = why_not_sendable(webhook)
        if webhook.pk in find_running([webhook.pk]):
            refusal = _("Another sending of this webhook is under way.")
        count, staying = len(preview.going), len(preview.staying)
        return Effect(webhook, uuid4(), count, staying, refusal=refusal, digest=preview.digest)

    return foresee


def _foresee_stop(webhook: Webhook) -> Effect:
    running = find_running([webhook.pk]).get(webhook.pk)
    return Effect(webhook, uuid4(), count_batch(running).untried if running else 0)


def _foresee_held(webhook: Webhook) -> Effect:
    held = count_held(webhook)
    return Effect(webhook, uuid4(), held.count, held.count - held.latest, refusal=why_not_sendable(webhook))


DEEDS: dict[str, Deed] = {
    Cause.ENVIAR_TUDO: Deed(
        gettext_lazy("Send all"),
        gettext_lazy(
            "The latest version of each selected product is sent. What waits of that product already is replaced."
        ),
        gettext_lazy("Will be sent"),
        _foresee_batch(Cause.ENVIAR_TUDO),
    ),
    Cause.REENVIAR: Deed(
        gettext_lazy("Resend pending"),
        gettext_lazy("The last version of each product whose last notification ended in error is sent."),
        gettext_lazy("Will be sent"),
        _foresee_batch(Cause.REENVIAR),
    ),
    STOP: Deed(
        gettext_lazy("Stop sending"),
        gettext_lazy("What waits of the running batch is cancelled. What is being sent comes to its end."),
        gettext_lazy("Not tried yet"),
        _foresee_stop,
    ),
    HELD: Deed(
        gettext_lazy("Decide what is held"),
        gettext_lazy("Held notifications go out or are cancelled. Their participant may decide it as well."),
        gettext_lazy("Held"),
        _foresee_held,
    ),
}


def _action(kind: str, name: str) -> Any:
    @admin.action(description=DEEDS[kind].title, permissions=["send"])
    def ask(self: Any, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse:
        query = QueryDict(mutable=True)
        query["kind"] = kind
        query.setlist("webhook", [str(uuid) for uuid in queryset.values_list("uuid", flat=True)[:MOST]])
        return HttpResponseRedirect(f"{reverse('admin:webhooks_webhook_sending')}?{query.urlencode()}")

    ask.__name__ = name
    return ask


admin.site.unregister(Webhook)


@admin.register(Webhook)
class SendingWebhookAdmin(PausingMixin, HealthMixin, WebhookAdmin):
    actions = (
        "pause_selected",
        "resume_selected",
        _action(Cause.ENVIAR_TUDO, "send_all"),
        _action(Cause.REENVIAR, "resend_pending"),
        _action(STOP, "stop_sending"),
        _action(HELD, "decide_held"),
    )

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("dispatch.send_sendbatch")

    def get_urls(self) -> list[Any]:
        sending = self.admin_site.admin_view(self.sending_view)
        return [path("sending/", sending, name="webhooks_webhook_sending"), *super().get_urls()]

    def sending_view(self, request: HttpRequest) -> HttpResponse:
        """What would happen to the chosen webhooks, and by POST the deed."""
        asked = request.POST if request.method == "POST" else request.GET
        if not self.has_send_permission(request) or asked.get("kind") not in DEEDS:
            raise PermissionDenied
        kind = asked["kind"]
        webhooks = _chosen(asked.getlist("webhook"))
        if request.method == "POST" and (kind != HELD or asked.get("choice") in Choice.values):
            for webhook in webhooks:
                self._do(request, kind, webhook)
            return redirect("admin:webhooks_webhook_changelist")
        effects = [DEEDS[kind].foresee(webhook) for webhook in webhooks]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": DEEDS[kind].title,
            "deed": DEEDS[kind],
            "kind": kind,
            "effects": effects,
            "total": sum(effect.count for effect in effects if not effect.refusal),
            "choices": Choice,
        }
        return TemplateResponse(request, "admin/dispatch/sending.html", context)

    def _do(self, request: HttpRequest, kind: str, webhook: Webhook) -> None:
        by = Actor.for_staff(request.user)  # type: ignore[arg-type]
        try:
            words = _perform(kind, webhook, request.POST, by)
        except ActionError as refused:
            self.message_user(request, f"{webhook}: {refused.message}", messages.WARNING)
        else:
            self.message_user(request, f"{webhook}: {words}", messages.SUCCESS)


@admin.register(SendBatch)
class SendBatchAdmin(WebhookColumnMixin, SearchByWebhookMixin, ReadOnlyAdmin):
    list_display = ("started", "webhook_link", "kind", "by_label", "wanted", "created", "stopped")
    list_filter = ("kind", WebhookFilter)
    list_select_related = ("webhook__participant",)
    search_help_text = gettext_lazy("Identifier of the batch; address, description, participant or CNPJ")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("identifier", "webhook", "kind", "pressed_by", "started", "all_written", "stopped")}),
        (gettext_lazy("Notifications"), {"fields": ("wanted", "created", "fate", "sent")}),
    )
    all_written = titled("written_at", gettext_lazy("all written down at"))

    def title_of(self, row: Any) -> str:
        words = {"kind": row.get_kind_display(), "webhook": row.webhook, "time": moment_words(row.created_at)}
        return _("%(kind)s for %(webhook)s, %(time)s") % words

    @admin.display(description=gettext_lazy("created at"))
    def started(self, batch: SendBatch) -> SafeString | str:
        return when(batch.created_at)

    @admin.display(description=gettext_lazy("stopped at"))
    def stopped(self, batch: SendBatch) -> SafeString | str:
        return when(batch.stopped_at)

    @admin.display(description=gettext_lazy("by"))
    def pressed_by(self, batch: SendBatch) -> str:
        """The name of then, and the account, which may be called otherwise by now."""
        account = str(batch.by or "")
        return f"{batch.by_label} · {account}" if account and account != batch.by_label else batch.by_label or EMPTY

    @admin.display(description=gettext_lazy("what became of them"))
    def fate(self, batch: SendBatch) -> str:
        found = count_batch(batch)
        counts = [
            (_("Delivered"), found.delivered),
            (_("Failed"), found.failed),
            (_("With a new attempt to come"), found.retrying),
            (_("Held"), found.held),
            (_("Cancelled"), found.cancelled),
            (_("Not tried yet"), found.untried),
        ]
        return " · ".join(f"{words}: {count}" for words, count in counts if count) or EMPTY

    @admin.display(description=gettext_lazy("deliveries"))
    def sent(self, batch: SendBatch) -> SafeString:
        # By the index of the reference.
        address = f"{reverse('admin:dispatch_delivery_changelist')}?batch={batch.pk}"
        return link_to(address, _("Show those of this batch"))


def _chosen(uuids: Sequence[str]) -> list[Webhook]:
    found = []
    for text in uuids[:MOST]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    webhooks = Webhook.objects.filter(uuid__in=found).select_related("participant")
    return list(webhooks.order_by("participant__name", "description", "pk"))


def _perform(kind: str, webhook: Webhook, posted: QueryDict, by: Actor) -> str:
    if kind == STOP:
        running = find_running([webhook.pk]).get(webhook.pk)
        n = stop_batch(running, by=by) if running else 0
        return ngettext("%(n)s notification was cancelled.", "%(n)s notifications were cancelled.", n) % {"n": n}
    if kind == HELD:
        done = release_held(webhook, str(posted["choice"]), by=by)
        words = _("%(sent)s on their way, %(cancelled)s cancelled.")
        return words % {"sent": done.sent, "cancelled": done.cancelled}
    try:
        token = UUID(posted.get(f"token-{webhook.uuid}", ""))
    except ValueError:
        raise ActionError("preview_again", _("Look at what would go out before you send.")) from None
    batch = start_batch(webhook, kind, by=by, token=token, expected=posted.get(f"expected-{webhook.uuid}", "-"))
    words = ngettext("%(n)s notification is on its way.", "%(n)s notifications are on their way.", batch.created)
    return words % {"n": batch.created}
