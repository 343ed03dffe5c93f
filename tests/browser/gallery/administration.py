"""A portal at work, as operations meets it, and the address of every page of the administration."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.test import RequestFactory
from django.urls import resolve, reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from dispatch.models import Delivery, DispatcherBeat, Lane
from portal.job_orders import pause_job
from portal.jobs import sync_jobs
from tests.factories import make_attempt, make_delivery, make_event, make_key_pair, make_webhook
from tests.people import Person
from webhooks.actions import stop_webhook
from webhooks.models import Webhook

JOB, PAUSED_JOB = "dispatch.tasks.count_attempts", "notices.tasks.remove_notices"


def make_busy(owner: Person, officer: Person) -> Webhook:
    """Write a webhook that fails, one that is stopped, attempts, a certificate, jobs, long names; return the first."""
    now = timezone.now()
    webhook = make_webhook(participant=owner.participant, description="Contabilização e preços da câmara " * 2)
    Lane.objects.create(webhook=webhook, failures_in_row=3, failing_since=now - timedelta(hours=1))
    for place in range(4):
        delivery = make_delivery(webhook=webhook, event=make_event())
        make_attempt(
            delivery,
            number=1,
            status=503,
            diagnosis="unavailable",
            duration_ms=40,
            slot_at=now - timedelta(minutes=place),
        )
    ended = {"state": "failed", "reason": "exhausted", "due_at": None, "finished_at": now, "attempts_made": 1}
    Delivery.objects.filter(pk=delivery.pk).update(**ended)
    stop_webhook(make_webhook(description="Mesa de operação"), reason="gone", by=officer.actor)
    make_key_pair(participant=owner.participant, not_after=now + timedelta(days=3))
    DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now)
    sync_jobs()
    pause_job(PeriodicTask.objects.get(task=PAUSED_JOB), by=officer.actor)
    return webhook


def all_paths(officer: Person, webhook: Webhook) -> list[str]:
    """Own pages, and of every model the list, its first row and the form for a new one."""
    found = ["/admin/", reverse("admin:operations"), reverse("admin:operations_jobs"), "/admin/dispatch/"]
    found += [reverse(f"admin:operations_job_{verb}", args=[JOB]) for verb in ("run", "pause")]
    found.append(reverse("admin:operations_job_resume", args=[PAUSED_JOB]))
    found += [f"{reverse(f'admin:webhooks_webhook_{verb}')}?webhook={webhook.uuid}" for verb in ("pause", "resume")]
    found.append(reverse("admin:access_participant_see", args=[webhook.participant_id]))
    found.append(f"{reverse('admin:access_participant_block')}?participant={webhook.participant.uuid}")
    found.append(f"{reverse('admin:webhooks_webhook_sending')}?kind=enviar_tudo&webhook={webhook.uuid}")
    found.append(reverse("admin:catalog_publication_publish"))
    request: Any = RequestFactory().get("/admin/")
    request.user = officer.user
    for model, site in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        first = model._default_manager.order_by("pk").first()
        if first is not None:
            found.append(reverse(f"{name}_change", args=[first.pk]))
        if site.has_add_permission(request):
            found.append(reverse(f"{name}_add"))
    return found


def administration_pages(officer: Person, webhook: Webhook) -> dict[str, str]:
    """The address of each page by the name of its picture."""
    return {_name(path): path for path in all_paths(officer, webhook)}


def _name(path: str) -> str:
    return f"admin-{resolve(path.partition('?')[0]).url_name}"
