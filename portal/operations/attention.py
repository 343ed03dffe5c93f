"""What waits for operations: counted by small tables and partial indexes, each with the list that shows it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from access.models import Participant
from connections.expiry import WARNED_FROM
from connections.models import KeyPair
from notices.models import Incident, Notice, NoticeState
from portal.operations.job_rows import JobRow
from webhooks.models import StoppedReason, Webhook


@dataclass(frozen=True)
class Concern:
    """Something to look at: how many, in words, and the list that shows them, where the reader may open it."""

    tone: str
    icon: str
    word: str
    count: int
    url: str


def list_concerns(request: HttpRequest, jobs: Iterable[JobRow], *, held: int) -> list[Concern]:
    """Return what there is to look at now, the worst first. Five queries. `held`: how many notifications are held."""
    found = [concern for concern in _all(request, list(jobs), held) if concern.count]
    return sorted(found, key=lambda concern: concern.tone != "bad")


def _all(request: HttpRequest, jobs: list[JobRow], held: int) -> Iterator[Concern]:
    incidents = Incident.objects.filter(over_at__isnull=True, told_at__isnull=False).count()
    yield Concern("bad", "alert-triangle", _("Incidents under way"), incidents, _list(request, "notices.incident"))
    failed = sum(job.run is not None and not job.run.succeeded for job in jobs)
    yield Concern("bad", "circle-x", _("Jobs whose last run failed"), failed, reverse("admin:operations_jobs"))
    stopped = Webhook.objects.live().filter(stopped_at__isnull=False)
    by_reason = dict(stopped.order_by().values_list("stopped_reason").annotate(n=Count("pk")))
    paused = by_reason.pop(StoppedReason.PAUSED, 0)
    by_system = sum(by_reason.values())
    webhooks = "webhooks.webhook"
    yield Concern(
        "bad", "hand-stop", _("Webhooks stopped by the system"), by_system, _list(request, webhooks, health="stopped")
    )
    unsent = Notice.objects.filter(state=NoticeState.FAILED).count()
    yield Concern(
        "bad", "mail", _("Mails that failed"), unsent, _list(request, "notices.notice", state__exact="failed")
    )
    yield Concern(
        "warn", "player-pause", _("Webhooks paused by operations"), paused, _list(request, webhooks, health="paused")
    )
    expiring = KeyPair.objects.filter(archived_at__isnull=True, not_after__lte=timezone.now() + WARNED_FROM).count()
    pairs = _list(request, "connections.keypair", validity="soon", archived="no")
    yield Concern("warn", "certificate", _("Certificates that expire, or have expired"), expiring, pairs)
    yield Concern("warn", "hourglass", _("Notifications held"), held, _list(request, "dispatch.delivery", state="held"))
    blocked = Participant.objects.filter(blocked_at__isnull=False).count()
    people = _list(request, "access.participant", state="blocked")
    yield Concern("idle", "lock", _("Participants blocked"), blocked, people)
    off = sum(job.paused for job in jobs)
    yield Concern("warn", "player-pause", _("Jobs that are paused"), off, reverse("admin:operations_jobs"))


def _list(request: HttpRequest, label: str, **query: str) -> str:
    app, _dot, model = label.partition(".")
    if not request.user.has_perm(f"{app}.view_{model}"):
        return ""
    address = reverse(f"admin:{app}_{model}_changelist")
    return f"{address}?{urlencode(query)}" if query else address
