"""The outbox as operations see it: to look at, and to have a notice sent again after a confirmation."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from access import cnpj
from access.actors import Actor
from access.admin.columns import IdentifierMixin
from access.admin.worded import WordedFilter, WordedMixin
from access.errors import ActionError
from access.templatetags.house import state as shown
from access.templatetags.house import when
from notices import actions, kinds
from notices.mails import build_mail
from notices.models import Incident, Notice, NoticeState
from notices.readers import Reader

PERMISSION = "notices.resend_notice"
LIST = "admin:notices_notice_changelist"
_STATES = {
    NoticeState.WAITING: ("idle", "hourglass"),
    NoticeState.SENT: ("ok", "circle-check"),
    NoticeState.FAILED: ("bad", "circle-x"),
}


class KindFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.code, str(kind.title)) for kind in kinds.list_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class HappenedFilter(KindFilter):
    """Only what there was: most notices tell of something else."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = set(Incident.objects.order_by().values_list("kind", flat=True).distinct())
        return [(code, title) for code, title in super().lookups(request, model_admin) if code in there]


class WrittenFilter(WordedFilter, admin.DateFieldListFilter):
    heading = gettext_lazy("written")


class BegunFilter(WordedFilter, admin.DateFieldListFilter):
    heading = gettext_lazy("beginning")


class ReadOnlyAdmin(IdentifierMixin, WordedMixin):
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_title(self, row: Any) -> str:
        try:
            return str(kinds.get(row.kind).title)
        except KeyError:
            return row.kind


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    explanation = gettext_lazy(
        "Mails to participants and to operators. Each waits here until it is sent; one that fails is tried again for "
        "some hours and then kept as failed."
    )
    list_display = ("created_at", "kind_title", "for_whom", "subject", "delivery", "tries", "next_try", "error")
    list_filter = ("state", "audience", KindFilter, ("created_at", WrittenFilter))
    list_select_related = ("participant",)
    date_hierarchy = "created_at"
    search_fields = ("subject", "participant__name", "participant__cnpj", "dedupe_key")
    search_help_text = gettext_lazy("About, participant or CNPJ")
    fieldsets = (
        (None, {"fields": ("kind_title", "to_whom", "subject", "page", "created_at", "identifier")}),
        (gettext_lazy("State"), {"fields": ("delivery", "next_try", "tries", "error", "sent_at", "told_to")}),
        (gettext_lazy("Mail"), {"fields": ("mail_subject", "mail_text")}),
    )
    actions = ("resend_selected",)

    def get_urls(self) -> list[URLPattern]:
        resend = path("resend/", self.admin_site.admin_view(self.resend_view), name="notices_notice_resend")
        return [resend, *super().get_urls()]

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        bare = cnpj.normalise(search_term)
        # A CNPJ is searched as it is written, with its punctuation.
        if len(bare) == cnpj.LENGTH:
            found = found | queryset.filter(participant__cnpj=bare)
        return found, duplicates

    @admin.action(description=gettext_lazy("Send the selected notices again"), permissions=["resend"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[Notice]) -> HttpResponse:
        query = QueryDict(mutable=True)
        query.setlist("notice", [str(uuid) for uuid in queryset.values_list("uuid", flat=True)])
        return redirect(f"{reverse('admin:notices_notice_resend')}?{query.urlencode()}")

    def resend_view(self, request: HttpRequest) -> HttpResponse:
        """The confirmation, which names who has it already, and the deed."""
        if not self.has_resend_permission(request):
            raise PermissionDenied
        chosen = _chosen(request)
        if request.method == "POST" and chosen:
            return self._resend(request, chosen)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Send notices again"),
            "notices": [(notice, self.kind_title(notice)) for notice in chosen],
        }
        return TemplateResponse(request, "notices/admin/notice_resend.html", context)

    def _resend(self, request: HttpRequest, chosen: list[Notice]) -> HttpResponse:
        by = Actor.for_staff(request.user)  # type: ignore[arg-type]
        try:
            with transaction.atomic():
                for notice in chosen:
                    actions.resend_notice(notice, by=by)
        except ActionError as refusal:
            # Somebody else was faster: nothing of this press is done.
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            words = ngettext("%(n)s notice is sent again.", "%(n)s notices are sent again.", len(chosen))
            self.message_user(request, words % {"n": len(chosen)}, messages.SUCCESS)
        return redirect(LIST)

    @admin.display(description=gettext_lazy("for"), ordering="participant")
    def for_whom(self, notice: Notice) -> str:
        return notice.participant.name if notice.participant else notice.get_audience_display()

    @admin.display(description=gettext_lazy("for"))
    def to_whom(self, notice: Notice) -> SafeString | str:
        if not notice.participant:
            return self.for_whom(notice)
        page = reverse("admin:access_participant_change", args=[notice.participant.pk])
        return format_html('<a href="{}">{}</a>', page, notice.participant.name)

    @admin.display(description=gettext_lazy("page"))
    def page(self, notice: Notice) -> SafeString | str:
        return format_html('<a href="{0}">{0}</a>', notice.path) if notice.path else "–"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def delivery(self, notice: Notice) -> SafeString:
        tone, icon = _STATES[NoticeState(notice.state)]
        return shown(tone=tone, icon=icon, word=notice.get_state_display(), badge=False)

    @admin.display(description=gettext_lazy("next try"), ordering="due_at")
    def next_try(self, notice: Notice) -> SafeString | str:
        return when(notice.due_at)

    def title_of(self, row: Notice) -> str:
        return ": ".join(filter(None, (self.kind_title(row), row.subject)))

    @admin.display(description=gettext_lazy("last error"))
    def error(self, notice: Notice) -> str:
        return _(notice.last_error) if notice.last_error else "–"

    @admin.display(description=gettext_lazy("told"))
    def told_to(self, notice: Notice) -> str:
        return ", ".join(notice.told) or "–"

    @admin.display(description=gettext_lazy("subject of the mail"))
    def mail_subject(self, notice: Notice) -> str:
        return _mail(notice)[0]

    @admin.display(description=gettext_lazy("text"))
    def mail_text(self, notice: Notice) -> SafeString:
        return format_html("<pre>{}</pre>", _mail(notice)[1])


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    explanation = gettext_lazy(
        "An incident is written when nobody sends notifications, or when they go out late, and ends by itself when "
        "that is over. Where the list is empty, or each row has an end, all is well."
    )
    list_display = ("kind_title", "suspected_at", "seen_at", "told_at", "over_at")
    list_filter = (HappenedFilter, ("suspected_at", BegunFilter))
    fields = ("identifier", "kind_title", "suspected_at", "seen_at", "told_at", "over_at")

    def title_of(self, row: Incident) -> str:
        return f"{self.kind_title(row)}, {date_format(localtime(row.suspected_at), 'SHORT_DATETIME_FORMAT')}"


def _mail(notice: Notice) -> tuple[str, str]:
    """The mail as whoever looks would read it."""
    try:
        mail = build_mail(notice, Reader("", get_language() or ""))
    except Exception as error:  # noqa: BLE001 (whatever keeps it from being written is what this page is to show)
        return "–", type(error).__name__
    return str(mail.subject), str(mail.body)


def _chosen(request: HttpRequest) -> list[Notice]:
    given = request.POST if request.method == "POST" else request.GET
    uuids = [uuid for uuid in map(_parse_uuid, given.getlist("notice")) if uuid]
    ended = Notice.objects.filter(uuid__in=uuids).exclude(state=NoticeState.WAITING)
    return list(ended.select_related("participant").order_by("pk"))


def _parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
