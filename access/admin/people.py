from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import audit, cnpj
from access.actors import Actor
from access.admin.base import AuditedAdmin
from access.admin.blocking import BlockingMixin
from access.admin.erasing import ErasingMixin
from access.admin.forms import UserAddForm, UserEditForm
from access.admin.permissions import PermissionsMixin
from access.admin.proof import ProofMixin
from access.admin.second_factors import SecondFactorFilter, SecondFactorMixin
from access.admin.seeing import SeeingMixin
from access.invitations import send_invitation
from access.models import Membership, Participant, User

# What makes somebody more powerful: only a superuser may touch it, and nobody their own.
_POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "participant")
    fields = ("user", "participant", "role", "created_at")
    readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "participant").order_by("pk")


class BlockedFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", _("Open")), ("blocked", _("Blocked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Participant]) -> QuerySet[Participant]:
        if self.value() is None:
            return queryset
        return queryset.filter(blocked_at__isnull=self.value() == "open")


@admin.register(Participant)
class ParticipantAdmin(ErasingMixin, SeeingMixin, BlockingMixin, AuditedAdmin):
    list_display: tuple[str, ...] = ("name", "formatted_cnpj", "kind", "state", "members", "created_at")
    list_filter: ClassVar[tuple[Any, ...]] = (BlockedFilter, "kind")
    list_per_page = 50
    search_fields = ("name", "cnpj")
    search_help_text = gettext_lazy("Name or CNPJ")
    readonly_fields = ("state", "blocked_at", "blocked_reason", "uuid", "created_at")
    fieldsets = (
        (None, {"fields": ("name", "cnpj", "kind", "mfa_demanded")}),
        (gettext_lazy("State"), {"fields": ("state", "blocked_at", "blocked_reason", "created_at", "uuid")}),
    )
    inlines = (MembershipInline,)
    change_form_template = "access/admin/participant_change_form.html"
    audit_left_out = ("blocked_at", "blocked_reason")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # What is not there yet has no state.
        return super().get_fieldsets(request, obj)[: None if obj else 1]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        hints = {"cnpj": _("14 letters and digits, with or without punctuation, as in 12.ABC.345/01DE-35.")}
        return super().get_form(request, obj, change=change, help_texts=hints, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Participant]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        bare = cnpj.normalise(search_term)
        if bare.isalnum() and bare != search_term:
            found = found | queryset.filter(cnpj__contains=bare)
        return found, duplicates

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_block"] = self.has_block_permission(request)
        context["may_erase"] = self.has_erase_permission(request)
        context["may_see"] = self.has_see_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("CNPJ"), ordering="cnpj")
    def formatted_cnpj(self, participant: Participant) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', participant.formatted_cnpj)

    @admin.display(description=gettext_lazy("state"), ordering="blocked_at")
    def state(self, participant: Participant) -> str:
        return _("Blocked") if participant.blocked else _("Open")

    @admin.display(description=gettext_lazy("members"), ordering="member_count")
    def members(self, participant: Any) -> int:
        return participant.member_count


@admin.register(User)
class UserAdmin(SecondFactorMixin, ProofMixin, AuditedAdmin, PermissionsMixin, DjangoUserAdmin):
    form = UserEditForm
    add_form = UserAddForm
    add_form_template = None
    change_form_template = "access/admin/user_change_form.html"
    list_display = ("email", "name", "participants", "is_active", "is_staff", "second_factor", "last_login")
    list_filter = ("is_active", "is_staff", SecondFactorFilter, "is_superuser", "groups")
    list_per_page = 50
    search_fields = ("email", "name", "memberships__participant__name")
    search_help_text = gettext_lazy("Name, e-mail or participant")
    ordering = ("email",)
    readonly_fields = ("last_login", "second_factor", "signed_in", "created_at", "uuid")
    fieldsets = (
        (None, {"fields": ("email", "password", "second_factor", "name", "language", "theme")}),
        (gettext_lazy("Permissions"), {"fields": ("is_active", *_POWERS)}),
        (gettext_lazy("History"), {"fields": ("last_login", "signed_in", "created_at", "uuid")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "language", "password")}),)
    inlines = (MembershipInline,)
    actions = ("send_invitations",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("memberships__participant")

    @admin.display(description=gettext_lazy("participants"))
    def participants(self, user: User) -> str:
        return ", ".join(sorted(each.participant.name for each in user.memberships.all()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_readonly_fields(request, obj))
        if not request.user.is_superuser:
            fields += _POWERS
        if obj == request.user:
            fields += ["is_active", "is_staff", "is_superuser"]
        return fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Who may set a colleague's e-mail or password has all the colleague's rights.
        if obj is not None and obj != request.user and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.has_usable_password() and not change:
            transaction.on_commit(lambda: self._invite(request, [obj]))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        with transaction.atomic():
            before = self.get_object(request, unquote(id))
            response = super().user_change_password(request, id, form_url)
            after = self.get_object(request, unquote(id))
            if before and after and before.password != after.password:
                by = Actor.for_staff(request.user)  # type: ignore[arg-type]
                audit.record(by=by, action="access.user.password_changed", obj=after)
        return response

    @admin.action(description=gettext_lazy("Send a mail to choose a password"), permissions=["change"])
    def send_invitations(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        allowed = [user for user in queryset.filter(is_active=True) if self.has_change_permission(request, user)]
        with transaction.atomic():
            for user in allowed:
                by = Actor.for_staff(request.user)  # type: ignore[arg-type]
                audit.record(by=by, action="access.user.invited", obj=user)
        self._invite(request, allowed)

    def _invite(self, request: HttpRequest, users: list[User]) -> None:
        for user in users:
            try:
                send_invitation(user)
            except OSError:
                words = _("The mail to %(email)s could not be sent. Send it again from the list of users.")
                self.message_user(request, words % {"email": user.email}, messages.ERROR)
            else:
                words = _("A mail with a link to choose a password went to %(email)s.")
                self.message_user(request, words % {"email": user.email}, messages.SUCCESS)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(AuditedAdmin, PermissionsMixin, DjangoGroupAdmin):
    """Groups of permissions for operations. Only a superuser changes what others may do."""

    change_list_template = "access/admin/group_change_list.html"
    search_help_text = gettext_lazy("Name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)
