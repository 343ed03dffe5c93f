"""Publishing and withdrawing in the admin: each shows its effect, asks for a confirmation and has its own right."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from access.errors import ActionError
from catalog.admin import PublicationAdminBase
from catalog.models import Product, Publication
from dispatch.actions import Published, withdraw
from dispatch.admin.forms import PublishForm, WithdrawForm
from dispatch.models import Delivery
from dispatch.publishing import publish_once, rehearse


@admin.register(Publication)
class PublicationAdmin(PublicationAdminBase):
    change_list_template = "admin/dispatch/publication_list.html"
    change_form_template = "admin/dispatch/publication_form.html"
    show_full_result_count = False

    def get_urls(self) -> list[Any]:
        publish = self.admin_site.admin_view(self.publish_view)
        take_back = self.admin_site.admin_view(self.withdraw_view)
        return [
            path("publish/", publish, name="catalog_publication_publish"),
            path("<int:pk>/withdraw/", take_back, name="catalog_publication_withdraw"),
            *super().get_urls(),
        ]

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.publish_publication")

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.withdraw_publication")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"may_publish": self.has_publish_permission(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_withdraw"] = self.has_withdraw_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def publish_view(self, request: HttpRequest) -> HttpResponse:
        """Three steps at one address: the form, the preview of who will be told, and the deed."""
        if not self.has_publish_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            chosen = {"product": request.GET.get("product")}
            return self._publish_page(request, "publish", PublishForm(by=_staff(request), initial=chosen))
        form = PublishForm(request.POST, request.FILES, by=_staff(request))
        if not form.is_valid():
            return self._publish_page(request, "publish", form)
        if "edit" in request.POST:
            again = PublishForm(by=_staff(request), initial=form.cleaned_data)
            again.received_file = form.received_file
            return self._publish_page(request, "publish", again)
        if "confirm" in request.POST:
            return self._publish(request, form)
        return self._preview(request, form)

    def _preview(self, request: HttpRequest, form: PublishForm) -> HttpResponse:
        product: Product = form.cleaned_data["product"]
        assert form.received_file is not None
        rehearsal = rehearse(product, period=form.cleaned_data["period"], received=form.received_file)
        return self._publish_page(request, "publish_preview", form, product=product, rehearsal=rehearsal)

    def _publish(self, request: HttpRequest, form: PublishForm) -> HttpResponse:
        values = form.cleaned_data
        assert form.received_file is not None
        try:
            done = publish_once(
                values["product"],
                period=values["period"],
                received=form.received_file,
                publish_at=values["publish_at"],
                by=_staff(request),
            )
        except ActionError as refused:
            form.refuse(refused)
            return self._publish_page(request, "publish", form)
        self.message_user(request, *_done_words(done))
        return redirect("admin:catalog_publication_change", done.publication.pk)

    def _publish_page(self, request: HttpRequest, name: str, form: PublishForm, **more: Any) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Publish a file"),
            "form": form,
            "reference": form.reference,
            **more,
        }
        return TemplateResponse(request, f"admin/dispatch/{name}.html", context)

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_withdraw_permission(request):
            raise PermissionDenied
        publication = get_object_or_404(Publication.objects.select_related("product"), pk=pk)
        form = WithdrawForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                cancelled = withdraw(publication, reason=form.cleaned_data["reason"], by=_staff(request))
            except ActionError as refused:
                form.add_error("reason", str(refused.message))
            else:
                self.message_user(request, _withdrawn_words(cancelled), messages.SUCCESS)
                return redirect("admin:catalog_publication_change", publication.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Withdraw a publication"),
            "publication": publication,
            "form": form,
            "waiting": Delivery.objects.filter(event__publication=publication).open().count(),
            "delivered": Delivery.objects.filter(event__publication=publication, state="delivered").count(),
        }
        return TemplateResponse(request, "admin/dispatch/withdraw.html", context)


def _staff(request: HttpRequest) -> Actor:
    return Actor.for_staff(request.user)  # type: ignore[arg-type]


def _done_words(done: Published) -> tuple[str, int]:
    publication = done.publication
    if not done.created:
        words = _("This file was published before, as version %(version)s. Nothing new was made.")
        return words % {"version": publication.version}, messages.WARNING
    if publication.embargoed:
        return _("Accepted. It is published at its time, and the webhooks are told then."), messages.SUCCESS
    words = ngettext(
        "Published. %(n)s webhook is being told.", "Published. %(n)s webhooks are being told.", done.deliveries
    )
    return words % {"n": done.deliveries}, messages.SUCCESS


def _withdrawn_words(cancelled: int) -> str:
    words = ngettext(
        "Withdrawn. %(n)s waiting notification was cancelled.",
        "Withdrawn. %(n)s waiting notifications were cancelled.",
        cancelled,
    )
    return words % {"n": cancelled}
