"""Webhooks as operations sees them: found by address, CNPJ or id, looked at, never changed. No secret is shown, and of
an address's query only the names."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import cnpj
from access.admin.base import ReadOnlyMixin
from access.admin.columns import IdentifierMixin
from access.admin.worded import ResultFilter, StatusFilter, WordedFilter, WordedMixin, breakable, facts, result
from access.templatetags.house import state
from connections.models import Connection
from connections.pages.details import list_values
from connections.pages.listing import kind_label
from outbound.masking import MASK, masked_url
from webhooks.auth.registry import METHODS
from webhooks.diagnosis import DIAGNOSES
from webhooks.formats import FORMATS
from webhooks.listing import STATES, describe_state
from webhooks.models import Webhook, WebhookTest, WebhookVersion
from webhooks.searching import find_by_address, read_uuid

# What the address of the list may narrow it by: its own filters, and these columns.
_ASKED = ("state", "method", "format", "id", "participant", "notify_suspect_score", "created_at")


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("active", _("Active")),
            ("stopped", _("Stopped")),
            ("inactive", _("Inactive")),
            ("archived", _("Archived")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> QuerySet[Webhook]:
        chosen = self.value()
        if chosen == "archived":
            return queryset.filter(archived_at__isnull=False)
        if chosen in STATES:
            return queryset.filter(STATES[chosen], archived_at__isnull=True)
        return queryset


class MethodFilter(admin.SimpleListFilter):
    title = gettext_lazy("authentication type")
    parameter_name = "method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(method.name, capfirst(str(method.label))) for method in METHODS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> QuerySet[Webhook]:
        return queryset.filter(auth_method=self.value()) if self.value() in METHODS else queryset


class FormatFilter(admin.SimpleListFilter):
    title = gettext_lazy("body format")
    parameter_name = "format"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(body_format.label)) for name, body_format in FORMATS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> QuerySet[Webhook]:
        return queryset.filter(body_format=self.value()) if self.value() in FORMATS else queryset


class ScoreFilter(WordedFilter, admin.BooleanFieldListFilter):
    heading = gettext_lazy("suspect score")
    words = (gettext_lazy("Notified"), gettext_lazy("Not notified"))


class VersionInline(ReadOnlyMixin, admin.TabularInline):
    model = WebhookVersion
    fk_name = "webhook"
    extra = 0
    ordering = ("-number",)
    template = "admin/operations/folded_rows.html"
    verbose_name_plural = gettext_lazy("versions")
    fields = readonly_fields = ("which", "at", "by", "shown_settings")

    @admin.display(description=gettext_lazy("version"))
    def which(self, version: WebhookVersion) -> str:
        return _("Version %(number)s") % {"number": version.number}

    @admin.display(description=gettext_lazy("settings"))
    def shown_settings(self, version: WebhookVersion) -> SafeString:
        settings = version.settings | {"request_uri": masked_url(version.settings.get("request_uri", ""))}
        written = json.dumps(settings, indent=1, ensure_ascii=False, sort_keys=True)
        return format_html("<details><summary>{}</summary>{}</details>", _("Show"), _pre(written))


@admin.register(Webhook)
class WebhookAdmin(IdentifierMixin, ReadOnlyMixin, WordedMixin):
    list_display = ("description", "participant", "address", "state", "method")
    list_filter = (StateFilter, MethodFilter, FormatFilter, ("notify_suspect_score", ScoreFilter))
    list_select_related = ("participant",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("description", "participant__name")
    search_help_text = gettext_lazy("Address, description, participant, CNPJ or identifier")
    date_hierarchy = "created_at"
    ordering = ("participant__name", "description", "pk")
    inlines = (VersionInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "participant",
                    "description",
                    "address",
                    "identifier",
                    "created_at",
                    "created_by",
                    "updated_at",
                )
            },
        ),
        (gettext_lazy("State"), {"fields": ("state", "active", "stopped_at", "archived_at", "ready")}),
        (
            gettext_lazy("Retries and limits"),
            {"fields": ("interval", "max_attempts", "backoff", "rate", "format", "notify_suspect_score")},
        ),
        (
            gettext_lazy("Authentication"),
            {"fields": ("method", "settings", "secrets_set_at", "client_certificate", "headers_shown")},
        ),
        (gettext_lazy("Products"), {"fields": ("products",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        found = super().get_queryset(request).select_related("participant")
        return found.select_related("connection__key_pair", "client_key_pair")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # By the address of the list any column could be asked about, and so a masked value guessed letter by letter.
        return lookup.partition("__")[0] in _ASKED and super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Webhook], search_term: str
    ) -> tuple[QuerySet[Webhook], bool]:
        words = search_term.replace("\0", "").strip()
        if uuid := read_uuid(words):
            return queryset.filter(uuid=uuid), False
        if not words:
            return queryset, False
        named = Q(description__icontains=words) | Q(participant__name__icontains=words)
        bare = cnpj.normalise(words)
        if len(bare) == cnpj.LENGTH:
            named |= Q(participant__cnpj=bare)
        return queryset.filter(named | Q(pk__in=find_by_address(queryset, words))), False

    @admin.display(description=gettext_lazy("address"), ordering="request_uri")
    def address(self, webhook: Webhook) -> str:
        return breakable(masked_url(webhook.request_uri))

    @admin.display(description=gettext_lazy("state"))
    def state(self, webhook: Webhook) -> str:
        return state(describe_state(webhook))

    @admin.display(description=gettext_lazy("authentication type"), ordering="auth_method")
    def method(self, webhook: Webhook) -> str:
        found = METHODS.get(webhook.auth_method)
        return str(found.label) if found else webhook.auth_method

    @admin.display(description=gettext_lazy("body format"), ordering="body_format")
    def format(self, webhook: Webhook) -> str:
        found = FORMATS.get(webhook.body_format)
        return str(found.label) if found else webhook.body_format

    @admin.display(description=gettext_lazy("retry interval"))
    def interval(self, webhook: Webhook) -> str:
        minutes, seconds = divmod(webhook.retry_interval_seconds, 60)
        return _("%(n)s s") % {"n": webhook.retry_interval_seconds} if seconds else _("%(n)s min") % {"n": minutes}

    @admin.display(description=gettext_lazy("rate limit"))
    def rate(self, webhook: Webhook) -> str:
        if not webhook.rate_limit_count:
            return "–"
        period = webhook.get_rate_limit_period_seconds_display()
        return _("%(n)s per %(period)s") % {"n": webhook.rate_limit_count, "period": period}

    @admin.display(description=gettext_lazy("settings"))
    def settings(self, webhook: Webhook) -> SafeString | str:
        if webhook.connection:
            return facts(_list_connection(webhook.connection))
        method = METHODS.get(webhook.auth_method)
        labels = {field.name: field.label for field in method.fields} if method else {}
        return facts((labels.get(name, name), value) for name, value in webhook.auth_settings.items())

    @admin.display(description=gettext_lazy("secrets set"))
    def secrets_set_at(self, webhook: Webhook) -> str:
        moment = webhook.connection.secrets_set_at if webhook.connection else webhook.auth_secrets_set_at
        return date_format(localtime(moment), "SHORT_DATETIME_FORMAT") if moment else "–"

    @admin.display(description=gettext_lazy("client certificate"))
    def client_certificate(self, webhook: Webhook) -> str:
        pair = webhook.client_key_pair
        until = date_format(localtime(pair.not_after), "SHORT_DATE_FORMAT") if pair else ""
        return f"{pair.subject} · {pair.fingerprint} · {until}" if pair else "–"

    @admin.display(description=gettext_lazy("headers"))
    def headers_shown(self, webhook: Webhook) -> SafeString | str:
        headers = webhook.headers.all()
        written = "\n".join(f"{each.name}: {MASK if each.secret else each.value}" for each in headers)
        return _pre(written) if written else "–"

    @admin.display(description=gettext_lazy("products"))
    def products(self, webhook: Webhook) -> SafeString | str:
        rows = webhook.product_subscriptions.select_related("product").order_by("product__name")
        names = ((f"{row.product.code} · {row.product.name}",) for row in rows)
        listed = format_html_join("", "<li>{}</li>", names)
        return format_html("<ul>{}</ul>", listed) if listed else "–"


@admin.register(WebhookTest)
class WebhookTestAdmin(IdentifierMixin, ReadOnlyMixin, WordedMixin):
    explanation = gettext_lazy(
        "A webhook test is one press of “Test” in a webhook's form, or the portal's own question to a webhook that was "
        "stopped. Tests are removed after some days; an empty list only means that nobody has tested lately."
    )
    list_display = ("at", "participant", "webhook", "by", "outcome", "response_status", "diagnosed")
    list_filter = (("succeeded", ResultFilter), ("response_status", StatusFilter))
    list_select_related = ("participant", "webhook")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("participant__name", "participant__cnpj", "webhook__description", "uuid")
    search_help_text = gettext_lazy("Participant, CNPJ, webhook or identifier")
    date_hierarchy = "at"
    fields = (
        "identifier",
        "participant",
        "webhook",
        "by",
        "at",
        "finished_at",
        "outcome",
        "diagnosed",
        "exchange_shown",
    )

    def title_of(self, row: WebhookTest) -> str:
        moment = date_format(localtime(row.at), "SHORT_DATETIME_FORMAT")
        return f"{row.webhook or row.participant}, {moment}"

    @admin.display(description=gettext_lazy("result"), ordering="succeeded")
    def outcome(self, trial: WebhookTest) -> SafeString:
        return result(trial.succeeded, trial.finished_at is not None)

    @admin.display(description=gettext_lazy("diagnosis"), ordering="diagnosis")
    def diagnosed(self, trial: WebhookTest) -> str:
        found = DIAGNOSES.get(trial.diagnosis)
        return str(found.title) if found else trial.diagnosis or "–"

    @admin.display(description=gettext_lazy("exchange"))
    def exchange_shown(self, trial: WebhookTest) -> SafeString:
        return _pre(json.dumps(trial.exchange, indent=1, ensure_ascii=False))


def _list_connection(connection: Connection) -> list[tuple[Any, Any]]:
    """Where a token comes from: no secret among it, of an address's query only the names."""
    pair, page = connection.key_pair, reverse("admin:connections_connection_change", args=[connection.pk])
    return [
        (_("Connection"), format_html('<a href="{}">{}</a>', page, connection.name)),
        (_("Kind"), kind_label(connection)),
        (_("Address"), breakable(masked_url(connection.token_url))),
        *((value.label, MASK if value.secret else value.text) for value in list_values(connection)),
        (_("Private certificate authority"), _("Yes") if connection.private_ca else ""),
        (_("Certificate"), f"{pair.subject} · {pair.fingerprint}" if pair else ""),
    ]


def _pre(text: str) -> SafeString:
    return format_html("<pre>{}</pre>", text)
