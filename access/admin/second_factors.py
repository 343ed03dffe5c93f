"""The second factor of a user in the admin: whether there is one, and taking it away from who lost it."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.errors import ActionError
from access.mfa import actions
from access.mfa.codes import has_mfa
from access.models import User
from access.reauthentication import ask_on_own_page, has_recent_proof

PERMISSION = "access.reset_mfa"


class SecondFactorFilter(admin.SimpleListFilter):
    title = gettext_lazy("two-step sign-in")
    parameter_name = "second_factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("On")), ("no", _("Off"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(second_factor=self.value() == "yes")


class SecondFactorMixin(admin.ModelAdmin):
    """Adds a column, a filter, and the page that takes a second factor away, with a permission of its own."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        own = Authenticator.objects.filter(user_id=OuterRef("pk"), type=Authenticator.Type.TOTP)
        return super().get_queryset(request).annotate(second_factor=Exists(own))

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<path:object_id>/reset-mfa/", self.admin_site.admin_view(self.reset_view), name="access_user_reset_mfa"
        )
        return [own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        user = context.get("original")
        context["may_reset_mfa"] = isinstance(user, User) and self.may_reset(request, user) and has_mfa(user)
        return super().render_change_form(request, context, *args, **kwargs)

    def may_reset(self, request: HttpRequest, user: User) -> bool:
        """Whether who is asking may take away the factor of `user`: never their own, a colleague's only a superuser."""
        allowed = request.user.has_perm(PERMISSION) and user.pk != request.user.pk
        return allowed and (not user.is_staff or request.user.is_superuser)

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        user: User | None = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404
        if not self.may_reset(request, user):
            raise PermissionDenied
        if not has_recent_proof(request):
            return ask_on_own_page(request)
        if request.method == "POST":
            self._reset(request, user)
            return redirect("admin:access_user_change", user.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Take the second factor away"),
            "opts": self.opts,
            "original": user,
            "has_factor": has_mfa(user),
        }
        return TemplateResponse(request, "access/admin/user_reset_mfa.html", context)

    def _reset(self, request: HttpRequest, user: User) -> None:
        try:
            actions.reset_mfa(user, by=Actor.for_staff(request.user))  # type: ignore[arg-type]
        except ActionError as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        words = _("%(user)s has no second factor any more, every session of theirs has ended, and a mail tells them.")
        self.message_user(request, words % {"user": user.display_name}, messages.SUCCESS)

    @admin.display(description=gettext_lazy("two-step sign-in"), boolean=True, ordering="second_factor")
    def second_factor(self, user: Any) -> bool:
        return bool(user.second_factor)
