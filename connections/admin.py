"""Connections, certificates, the tokens that are held and the runs, as operations sees them: found by participant,
address, client id or identifier; looked at, never changed. No secret, no key and no token is shown."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.admin.base import ReadOnlyMixin
from access.admin.columns import IdentifierMixin, titled
from access.admin.worded import ResultFilter, StatusFilter, WordedFilter, WordedMixin, breakable, facts, result
from access.templatetags.house import state as shown
from connections.expiry import WARNED_FROM
from connections.kinds.registry import KINDS
from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from connections.pages.details import list_values
from connections.pages.listing import kind_label, name_kind
from connections.pages.states import TokenFacts, describe_connection, describe_key_pair, find_diagnosis
from connections.searching import find_by_address, named, read_uuid
from connections.uses import find_users
from outbound.masking import MASK, masked_url


class LookedAtAdmin(IdentifierMixin, ReadOnlyMixin, WordedMixin):
    """Read-only, and the address of a list asks about few columns: by others a masked value could be guessed."""

    list_per_page = 50
    show_full_result_count = False
    asked: tuple[str, ...] = ()
    # What a search for words means, given the rows that may be found.
    find: Callable[[QuerySet[Any], str], Q]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup.partition("__")[0] in self.asked and super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term.replace("\0", "").strip()
        return (queryset.filter(self.find(queryset, words)) if words else queryset), False


class KindFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, name_kind(kind)) for kind in KINDS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(kind=self.value()) if self.value() in KINDS else queryset


class ArchivedFilter(admin.SimpleListFilter):
    title = gettext_lazy("archived")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", _("No")), ("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(archived_at__isnull=self.value() == "no") if self.value() in ("no", "yes") else queryset


class ExpiryFilter(admin.SimpleListFilter):
    title = gettext_lazy("validity")
    parameter_name = "validity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("soon", _("Expires within 30 days")), ("over", _("Expired")), ("good", _("Valid for longer"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[KeyPair]) -> QuerySet[KeyPair]:
        now = timezone.now()
        conditions = {
            "soon": Q(not_after__gt=now, not_after__lte=now + WARNED_FROM),
            "over": Q(not_after__lte=now),
            "good": Q(not_after__gt=now + WARNED_FROM),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class FailureFilter(WordedFilter, admin.EmptyFieldListFilter):
    """Tokens that could be obtained, or not."""

    heading = gettext_lazy("last request")
    words = (gettext_lazy("Without a failure"), gettext_lazy("Failed"))


class SharedFilter(WordedFilter, admin.BooleanFieldListFilter):
    heading = gettext_lazy("use")
    words = (gettext_lazy("Shared by webhooks"), gettext_lazy("Of one webhook alone"))


@admin.register(Connection)
class ConnectionAdmin(LookedAtAdmin):
    list_display = ("name", "participant", "kind_shown", "address", "state")
    list_filter = (KindFilter, ArchivedFilter, ("shared", SharedFilter))
    list_select_related = ("participant", "key_pair")
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name, participant, CNPJ, address, client id or identifier")
    date_hierarchy = "created_at"
    ordering = ("participant__name", "name", "pk")
    asked = ("kind", "archived", "id", "participant", "shared", "created_at")
    fields = (
        *("participant", "name", "description", "kind_shown", "address", "values_shown", "key_pair", "secrets_set_at"),
        *("state", "users", "shared", "identifier", "created_at", "created_by", "updated_at", "archived_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        tokens = CachedToken.objects.filter(connection=OuterRef("pk"))
        failing = tokens.filter(credential_version=OuterRef("credential_version")).exclude(failure_code="")
        held = tokens.filter(obtained_at__isnull=False).order_by("-obtained_at")
        return (
            super()
            .get_queryset(request)
            .annotate(
                token_at=Subquery(held.values("obtained_at")[:1]),
                failure=Subquery(failing.order_by("-used_at").values("failure_code")[:1]),
            )
        )

    def find(self, queryset: QuerySet[Connection], words: str) -> Q:
        if uuid := read_uuid(words):
            return Q(uuid=uuid)
        own = Q(name__icontains=words) | Q(settings__client_id__icontains=words)
        return own | named(words) | Q(pk__in=find_by_address(queryset, words))

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_shown(self, connection: Connection) -> str:
        return kind_label(connection)

    @admin.display(description=gettext_lazy("address"), ordering="token_url")
    def address(self, connection: Connection) -> SafeString:
        return breakable(masked_url(connection.token_url))

    @admin.display(description=gettext_lazy("state"))
    def state(self, connection: Any) -> SafeString:
        known = TokenFacts(obtained_at=connection.token_at, failure=connection.failure or "")
        return shown(describe_connection(connection, known, timezone.now()), badge=False)

    @admin.display(description=gettext_lazy("settings"))
    def values_shown(self, connection: Connection) -> SafeString | str:
        return facts((value.label, MASK if value.secret else value.text) for value in list_values(connection))

    @admin.display(description=gettext_lazy("used by"))
    def users(self, connection: Connection) -> str:
        return ", ".join(find_users(connection)) or "–"


@admin.register(KeyPair)
class KeyPairAdmin(LookedAtAdmin):
    list_display = ("name", "participant", "subject", "key_words", "not_after", "state")
    list_filter = (ExpiryFilter, ArchivedFilter, "algorithm")
    list_select_related = ("participant",)
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name, participant, CNPJ, subject, fingerprint or identifier")
    date_hierarchy = "not_after"
    ordering = ("not_after", "pk")
    asked = ("validity", "archived", "algorithm", "id", "participant", "not_after")
    fields = (
        *("participant", "name", "subject", "issuer", "not_before", "not_after", "state", "fingerprint", "key_words"),
        *("algorithm", "users", "shared", "certificate_shown", "identifier", "created_at", "created_by", "archived_at"),
    )

    def find(self, queryset: QuerySet[KeyPair], words: str) -> Q:
        if uuid := read_uuid(words):
            return Q(uuid=uuid)
        read = Q(name__icontains=words) | Q(subject__icontains=words) | Q(issuer__icontains=words)
        return read | named(words) | Q(fingerprint__startswith=words.lower().replace(":", ""))

    @admin.display(description=gettext_lazy("state"), ordering="not_after")
    def state(self, key_pair: KeyPair) -> SafeString:
        return shown(describe_key_pair(key_pair, timezone.now()), badge=False)

    @admin.display(description=gettext_lazy("used by"))
    def users(self, key_pair: KeyPair) -> str:
        return ", ".join(find_users(key_pair)) or "–"

    @admin.display(description=gettext_lazy("certificate"))
    def certificate_shown(self, key_pair: KeyPair) -> SafeString:
        return _pre(key_pair.certificate_pem)


class OfConnectionAdmin(LookedAtAdmin):
    """Rows that belong to a connection and are found by it."""

    list_select_related = ("connection__participant",)
    search_fields = ("connection__name",)
    search_help_text = gettext_lazy("Connection, participant, CNPJ, address, client id or identifier")

    def find(self, queryset: QuerySet[Any], words: str) -> Q:
        if uuid := read_uuid(words):
            return Q(uuid=uuid) | Q(connection__uuid=uuid)
        own = Q(connection__name__icontains=words) | Q(connection__settings__client_id__icontains=words)
        found = find_by_address(Connection.objects.all(), words)
        return own | named(words, "connection__") | Q(connection__in=found)

    @admin.display(description=gettext_lazy("participant"), ordering="connection__participant__name")
    def participant(self, row: CachedToken | ConnectionRun) -> str:
        return row.connection.participant.name


@admin.register(CachedToken)
class CachedTokenAdmin(OfConnectionAdmin):
    explanation = gettext_lazy(
        "A token that the portal holds for a connection until it ends, so that not every notification asks for one. It "
        "appears with the first notification, test or run that needs it. The token itself is never shown."
    )
    list_display = ("connection", "participant", "obtained_at", "refresh_at", "expires_at", "failures", "failed_by")
    list_filter = (("failure_code", FailureFilter),)
    date_hierarchy = "obtained_at"
    ordering = ("-used_at", "-pk")
    asked = ("failure_code", "obtained_at", "connection", "id")
    fields = (
        *("connection", "participant", "token_type", "obtained_at", "refresh_at", "expires_at", "refreshing_until"),
        *("failures", "failed_by", "failure_status", "failure_detail", "retry_at", "cleared_at"),
        *("used_at", "identifier"),
    )

    def title_of(self, row: CachedToken) -> str:
        return row.connection.name

    def get_queryset(self, request: HttpRequest) -> QuerySet[CachedToken]:
        return super().get_queryset(request).defer("token")

    @admin.display(description=gettext_lazy("last failure"), ordering="failure_code")
    def failed_by(self, row: CachedToken) -> str:
        return _diagnosed(row.failure_code)


@admin.register(ConnectionRun)
class ConnectionRunAdmin(OfConnectionAdmin):
    explanation = gettext_lazy(
        "A run is one press of “Obtain credentials”: the portal asks the connection's server for a token. Runs are "
        "removed after a day."
    )
    list_display = ("at", "connection", "participant", "by", "outcome", "response_status", "diagnosed")
    list_filter = (("succeeded", ResultFilter), ("response_status", StatusFilter))
    date_hierarchy = "at"
    ordering = ("-at", "-pk")
    asked = ("succeeded", "response_status", "at", "connection", "id")
    fields = (
        *("connection", "participant", "by", "at", "took", "outcome", "diagnosed", "response_status", "token_type"),
        *("removed", "identifier"),
    )
    # Ahead of us while there is a row.
    removed = titled("purge_at", gettext_lazy("will be removed at"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConnectionRun]:
        return super().get_queryset(request).defer("token", "steps", "arguments")

    def title_of(self, row: ConnectionRun) -> str:
        return f"{row.connection}, {date_format(localtime(row.at), 'SHORT_DATETIME_FORMAT')}"

    @admin.display(description=gettext_lazy("result"), ordering="succeeded")
    def outcome(self, run: ConnectionRun) -> SafeString:
        return result(run.succeeded, run.finished_at is not None)

    @admin.display(description=gettext_lazy("duration"))
    def took(self, run: ConnectionRun) -> str:
        if run.finished_at is None:
            return "–"
        return _("%(n)s s") % {"n": number_format((run.finished_at - run.at).total_seconds(), decimal_pos=1)}

    @admin.display(description=gettext_lazy("diagnosis"), ordering="diagnosis")
    def diagnosed(self, run: ConnectionRun) -> str:
        return _diagnosed(run.diagnosis)


def _diagnosed(code: str) -> str:
    found = find_diagnosis(code)
    return str(found.title) if found else code or "–"


def _pre(text: str) -> SafeString:
    return format_html("<pre>{}</pre>", text)
