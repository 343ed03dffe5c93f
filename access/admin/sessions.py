"""The sessions of users in the admin: who is signed in where, and ending it after a page that shows the effect."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access import sessions
from access.actors import Actor
from access.admin.columns import titled
from access.models import UserSession
from access.templatetags.house import state, when

PERMISSION = "access.end_usersession"
LIST = "admin:access_usersession_changelist"


class RunningFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("running", _("Running")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> QuerySet[UserSession]:
        if self.value() not in ("running", "over"):
            return queryset
        running = queryset.filter(ended_at__isnull=True, expires_at__gt=timezone.now())
        outdated = sessions.find_outdated(running)
        if self.value() == "running":
            return running.exclude(pk__in=outdated)
        return queryset.filter(Q(ended_at__isnull=False) | Q(expires_at__lte=timezone.now()) | Q(pk__in=outdated))


@admin.register(UserSession)
class UserSessionAdmin(admin.ModelAdmin):
    """To read, and to end. Nobody adds or changes a session here."""

    list_display = ("user", "device_words", "address", "since", "seen", "state")
    list_filter = (RunningFilter, "user__is_staff")
    list_select_related = ("user",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("user__email", "user__name", "=address")
    search_help_text = gettext_lazy("Person, e-mail or address")
    actions = ("end_selected",)
    fields = readonly_fields = (
        "user",
        "state",
        "device_words",
        "agent",
        "address",
        "started_at",
        "last_seen_at",
        "expires_at",
        "ended_at",
        "uuid",
    )

    def get_urls(self) -> list[URLPattern]:
        own = [path("end/", self.admin_site.admin_view(self.end_view), name="access_usersession_end")]
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    agent = titled("user_agent", "User-Agent")

    @admin.display(description=gettext_lazy("browser"), ordering="user_agent")
    def device_words(self, row: UserSession) -> str:
        return row.device

    @admin.display(description=gettext_lazy("since"), ordering="started_at")
    def since(self, row: UserSession) -> SafeString | str:
        return when(row.started_at)

    @admin.display(description=gettext_lazy("last seen"), ordering="last_seen_at")
    def seen(self, row: UserSession) -> SafeString | str:
        return when(row.last_seen_at)

    @admin.display(description=gettext_lazy("state"), ordering="ended_at")
    def state(self, row: UserSession) -> SafeString:
        if row.ended_at is not None:
            return state(tone="idle", icon="logout", word=_("Ended"), badge=False)
        if row.expires_at > timezone.now() and not sessions.is_outdated(row):
            return state(tone="ok", icon="circle-check", word=_("Running"), badge=False)
        return state(tone="idle", icon="clock", word=_("Over"), badge=False)

    @admin.action(description=gettext_lazy("End the selected sessions"), permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> HttpResponse:
        # Here, not by a redirect: some ninety in an address are more than a server takes.
        return self._ask(request, self._endable(request, queryset))

    def end_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_end_permission(request):
            raise PermissionDenied
        rows = self._chosen(request)
        if request.method != "POST" or not rows:
            return self._ask(request, rows)
        count = sessions.end_sessions(rows, by=Actor.for_staff(request.user))  # type: ignore[arg-type]
        words = ngettext("%(n)s session was ended.", "%(n)s sessions were ended.", count)
        self.message_user(request, words % {"n": count}, messages.SUCCESS)
        return redirect(LIST)

    def _ask(self, request: HttpRequest, rows: list[UserSession]) -> HttpResponse:
        context = {"sessions": rows, "opts": self.model._meta, "title": _("End sessions")}
        everything = {**self.admin_site.each_context(request), **context}
        return TemplateResponse(request, "access/admin/session_end.html", everything)

    def _chosen(self, request: HttpRequest) -> list[UserSession]:
        given = request.POST if request.method == "POST" else request.GET
        uuids = [uuid for uuid in map(_parse_uuid, given.getlist("session")) if uuid]
        return self._endable(request, UserSession.objects.filter(uuid__in=uuids))

    def _endable(self, request: HttpRequest, chosen: QuerySet[UserSession]) -> list[UserSession]:
        """Those that are still running. Of colleagues, only a superuser ends any: nobody is locked out by an equal."""
        rows = chosen.filter(ended_at__isnull=True, expires_at__gt=timezone.now()).select_related("user")
        if not request.user.is_superuser:
            rows = rows.filter(Q(user__is_staff=False) | Q(user=request.user.pk))
        return [row for row in rows if not sessions.is_outdated(row)]


def _parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
