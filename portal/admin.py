"""The list of participants as an answer: how many webhooks each has, and how many of them need somebody.

Registered here: people and organisations lie below webhooks and know nothing of them.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access.admin.people import ParticipantAdmin
from access.models import Participant
from access.templatetags.house import state
from dispatch.models import Lane
from webhooks.models import Webhook

_FAILING = Lane.objects.filter(webhook=OuterRef("pk"), failing_since__isnull=False)
# As dispatch.pages.health.count_problems counts them for the participant itself.
_NEEDY = Q(stopped_at__isnull=False) | Q(active=True, ready=False) | Q(Q(active=True) & Exists(_FAILING))


class TroubleFilter(admin.SimpleListFilter):
    title = gettext_lazy("webhooks")
    parameter_name = "webhooks"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("trouble", _("With a webhook that needs somebody")), ("none", _("Without webhooks"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Participant]) -> QuerySet[Participant]:
        own = Webhook.objects.live().filter(participant=OuterRef("pk"))
        if self.value() == "trouble":
            return queryset.filter(Exists(own.filter(_NEEDY)))
        return queryset.filter(~Exists(own)) if self.value() == "none" else queryset


admin.site.unregister(Participant)


@admin.register(Participant)
class ParticipantWithWebhooksAdmin(ParticipantAdmin):
    list_display = ("name", "formatted_cnpj", "kind", "shown_state", "webhooks", "needs", "members")
    list_filter = (*ParticipantAdmin.list_filter, TroubleFilter)
    date_hierarchy = "created_at"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        participants = list(changes.result_list)
        rows = Webhook.objects.live().filter(participant__in=participants).order_by().values("participant")
        counts = rows.annotate(all=Count("pk"), needy=Count("pk", filter=_NEEDY))
        found = {row["participant"]: (row["all"], row["needy"]) for row in counts}
        for participant in participants:
            participant.webhook_counts = found.get(participant.pk, (0, 0))
        changes.result_list = participants
        return changes

    @admin.display(description=gettext_lazy("state"), ordering="blocked_at")
    def shown_state(self, participant: Participant) -> SafeString:
        if participant.blocked:
            return state(tone="bad", icon="lock", word=_("Blocked"), badge=False)
        return state(tone="ok", icon="circle-check", word=_("Open"), badge=False)

    @admin.display(description=gettext_lazy("webhooks"))
    def webhooks(self, participant: Any) -> SafeString | str:
        count = participant.webhook_counts[0]
        address = f"{reverse('admin:webhooks_webhook_changelist')}?participant={participant.pk}"
        return format_html('<a href="{}">{}</a>', address, count) if count else "–"

    @admin.display(description=gettext_lazy("needs somebody"))
    def needs(self, participant: Any) -> SafeString | str:
        count = participant.webhook_counts[1]
        words = ngettext("%(n)s webhook", "%(n)s webhooks", count) % {"n": count}
        return state(tone="warn", icon="alert-triangle", word=words, badge=False) if count else "–"
