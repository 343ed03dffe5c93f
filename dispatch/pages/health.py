"""How a webhook is doing: the state of its title and list row, and the diagnosis when something is wrong."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, DateTimeField, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models import CharField as CharColumn
from django.utils.translation import gettext as _

from dispatch.models import Attempt, Lane, Outcome
from dispatch.pages.states import StateView, failure_text
from dispatch.probing import BY as PROBED_BY
from webhooks.diagnosis import DIAGNOSES, Diagnosis
from webhooks.models import StoppedReason, Webhook, WebhookTest

# Diagnoses whose cure may stand in the webhook's form: address, credentials, headers, format, rate limit, authority.
FORM_HELPS = frozenset(
    {
        "address_invalid",
        "auth_incomplete",
        "bad_request",
        "content_refused",
        "content_type_refused",
        "forbidden",
        "gone",
        "header_refused",
        "method_not_allowed",
        "name_not_found",
        "not_found",
        "not_http",
        "redirected",
        "refused_address",
        "secret_unreadable",
        "tls_not_tls",
        "tls_self_signed",
        "tls_unknown_authority",
        "tls_wrong_name",
        "too_many_requests",
    }
)


@dataclass(frozen=True)
class Health:
    """`problem`: something that its owner should look at. `since`: when the state began, where that is known."""

    state: StateView
    problem: bool = False
    diagnosis: Diagnosis | None = None
    since: datetime | None = None
    last_success_at: datetime | None = None
    probing: "Probing | None" = None

    @property
    def form_helps(self) -> bool:
        """Whether the way out may lead through the webhook's form."""
        code = self.diagnosis.code if self.diagnosis else ""
        return code in FORM_HELPS or code.startswith("unauthorized_")


@dataclass(frozen=True)
class Probing:
    """Of a webhook that was stopped because everything failed: when it is asked next, and what the last time said."""

    next_at: datetime
    last_at: datetime | None = None
    diagnosis: Diagnosis | None = None


def load_health(webhooks: Collection[Webhook]) -> dict[int, Health]:
    """Return the health of each webhook by its primary key. One query; their participants must be loaded."""
    lanes = {lane.pk: lane for lane in lanes_with_failure(webhook.pk for webhook in webhooks)}
    return {webhook.pk: describe_health(webhook, lanes.get(webhook.pk)) for webhook in webhooks}


def lanes_with_failure(webhook_ids: Iterable[int]) -> QuerySet[Lane]:
    """Return the lanes, each with `last_status` and `last_diagnosis` of its last failed attempt while it fails, and
    while it is probed with `last_probe_at` and `last_probe`, a diagnosis."""
    failed = (
        Attempt.objects.filter(webhook=OuterRef("pk"), succeeded=False)
        .exclude(outcome__in=[Outcome.OPEN, Outcome.HANDED_BACK])
        .order_by("-slot_at")
    )

    # Only for lanes that fail: behind a healthy one the look for a failure would read its attempts to the first.
    def while_failing(column: str, field: type) -> Case:
        return Case(When(failures_in_row__gt=0, then=Subquery(failed.values(column)[:1])), output_field=field())

    probes = WebhookTest.objects.filter(webhook=OuterRef("pk"), by=PROBED_BY).order_by("-at")

    def while_probed(column: str, field: type) -> Case:
        return Case(When(probes_made__gt=0, then=Subquery(probes.values(column)[:1])), output_field=field())

    return Lane.objects.filter(pk__in=list(webhook_ids)).annotate(
        last_status=while_failing("status", IntegerField),
        last_diagnosis=while_failing("diagnosis", CharColumn),
        last_probe_at=while_probed("at", DateTimeField),
        last_probe=while_probed("diagnosis", CharColumn),
    )


def describe_health(webhook: Webhook, lane: Lane | None) -> Health:
    """Return how a webhook is doing. `lane` comes from `lanes_with_failure`, None when nothing was ever sent."""
    if webhook.archived:
        return Health(StateView("idle", "archive", _("Archived")), since=webhook.archived_at)
    if webhook.participant.blocked:
        blocked = StateView("bad", "lock", _("Blocked"), _("The operator has blocked this participant."))
        return Health(blocked, problem=True, since=webhook.participant.blocked_at)
    if webhook.stopped:
        return _describe_stopped(webhook, lane)
    if not webhook.active:
        return Health(StateView("idle", "player-pause", _("Inactive")))
    if not webhook.ready:
        incomplete = StateView("warn", "alert-triangle", _("Attention"), _("The authentication is incomplete."))
        return Health(incomplete, problem=True, diagnosis=DIAGNOSES["auth_incomplete"])
    return _describe_running(lane)


def _describe_stopped(webhook: Webhook, lane: Lane | None) -> Health:
    if webhook.stopped_reason == StoppedReason.PAUSED:
        below = _("Notifications are held until operations start it again.")
        paused = StateView("warn", "player-pause", _("Paused by operations"), below)
        return Health(paused, problem=True, since=webhook.stopped_at)
    gone = webhook.stopped_reason == StoppedReason.GONE
    word = _("Stopped: %(reason)s") % {"reason": "410"} if gone else _("Stopped: failures")
    diagnosis = DIAGNOSES.get("gone" if gone else getattr(lane, "last_diagnosis", None) or "")
    state = StateView("bad", "hand-stop", word, webhook.get_stopped_reason_display())
    return Health(state, problem=True, diagnosis=diagnosis, since=webhook.stopped_at, probing=_describe_probing(lane))


def _describe_probing(lane: Lane | None) -> Probing | None:
    if lane is None or lane.probe_at is None:
        return None
    last = DIAGNOSES.get(getattr(lane, "last_probe", None) or "")
    return Probing(lane.probe_at, getattr(lane, "last_probe_at", None), last)


def _describe_running(lane: Lane | None) -> Health:
    if lane is None or (lane.last_success_at is None and not lane.failures_in_row):
        return Health(StateView("idle", "hourglass", _("Waiting for the first")))
    if not lane.failures_in_row:
        return Health(StateView("ok", "circle-check", _("Healthy")), last_success_at=lane.last_success_at)
    status, code = getattr(lane, "last_status", None), getattr(lane, "last_diagnosis", None) or ""
    why = failure_text(status, code)
    word = _("Failing: %(reason)s") % {"reason": status or why}
    return Health(
        StateView("bad", "circle-x", word, why),
        problem=True,
        diagnosis=DIAGNOSES.get(code),
        since=lane.failing_since,
        last_success_at=lane.last_success_at,
    )


def count_problems(webhooks: QuerySet[Webhook]) -> int:
    """Return how many of these webhooks need their owner. One query."""
    return webhooks.filter(in_trouble(), archived_at__isnull=True).count()


def in_trouble() -> Q:
    """Return the condition on webhooks that need their owner: stopped, failing right now, or incomplete."""
    failing = Lane.objects.filter(failures_in_row__gt=0).values("pk")
    return Q(stopped_at__isnull=False) | Q(active=True, pk__in=failing) | Q(active=True, ready=False)
