"""Every page of the administration in Chromium: accessibility in both themes, a small phone, the content policy, the
keyboard, and what happens without a press."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import Page, expect

from dispatch.models import Delivery, DispatcherBeat, Lane
from portal.jobs import sync_jobs
from portal.models import JobOrder
from tests.browser.accessibility import find_violations
from tests.factories import make_attempt, make_delivery, make_event, make_key_pair, make_webhook
from tests.people import Person
from webhooks.actions import stop_webhook
from webhooks.models import Webhook

SignIn = Callable[[Person], None]
# A minute each, not a quarter of an hour in one.
PARTS = 4
JOB = "dispatch.tasks.count_attempts"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def busy(owner: Person, officer: Person) -> Webhook:
    """A portal at work: a webhook that fails, one that is stopped, attempts, a certificate, jobs, long names."""
    now = timezone.now()
    webhook = make_webhook(participant=owner.participant, description="Contabilização e preços da câmara " * 2)
    Lane.objects.create(webhook=webhook, failures_in_row=3, failing_since=now - timedelta(hours=1))
    for place in range(4):
        delivery = make_delivery(webhook=webhook, event=make_event())
        make_attempt(delivery, number=1, status=503, duration_ms=40, slot_at=now - timedelta(minutes=place))
    ended = {"state": "failed", "reason": "exhausted", "due_at": None, "finished_at": now, "attempts_made": 1}
    Delivery.objects.filter(pk=delivery.pk).update(**ended)
    stop_webhook(make_webhook(description="Mesa de operação"), reason="gone", by=officer.actor)
    make_key_pair(participant=owner.participant, not_after=now + timedelta(days=3))
    DispatcherBeat.objects.create(name="one", started_at=now, beat_at=now)
    sync_jobs()
    return webhook


def all_paths(officer: Person, webhook: Webhook) -> list[str]:
    """Own pages, and of every model the list, its first row and the form for a new one."""
    found = ["/admin/", reverse("admin:operations"), reverse("admin:operations_jobs"), "/admin/dispatch/"]
    found += [reverse(f"admin:operations_job_{verb}", args=[JOB]) for verb in ("run", "pause", "resume")]
    found += [f"{reverse(f'admin:webhooks_webhook_{verb}')}?webhook={webhook.uuid}" for verb in ("pause", "resume")]
    found.append(reverse("admin:access_participant_see", args=[webhook.participant_id]))
    found.append(f"{reverse('admin:access_participant_block')}?participant={webhook.participant.uuid}")
    found.append(f"{reverse('admin:webhooks_webhook_sending')}?kind=enviar_tudo&webhook={webhook.uuid}")
    found.append(reverse("admin:catalog_publication_publish"))
    request = RequestFactory().get("/admin/")
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


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("theme", "language"), [("light", "pt-br"), ("dark", "en")])
def test_no_page_breaks_a_rule_of_accessibility(
    theme: Any, language: str, part: int, page: Page, sign_in: SignIn, officer: Person, busy: Webhook
) -> None:
    officer.user.language = language
    officer.user.save()
    sign_in(officer)
    page.emulate_media(color_scheme=theme)
    wrong = []
    for path in all_paths(officer, busy)[part::PARTS]:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        page.wait_for_timeout(60)
        wrong += [f"{path}: {violation}" for violation in find_violations(page)]
    assert wrong == []


def test_no_page_is_wider_than_a_small_phone(page: Page, sign_in: SignIn, officer: Person, busy: Webhook) -> None:
    sign_in(officer)
    page.set_viewport_size({"width": 360, "height": 740})
    wide = {}
    for path in all_paths(officer, busy):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        # Neither wider than the screen, nor squeezed beside a list that is not shown.
        room = page.locator("#content").evaluate("element => element.clientWidth")
        if width > 360 or room < 340:
            wide[path] = (width, room)
    assert wide == {}


def test_overview_keeps_itself_current_without_moving_the_focus(
    page: Page, sign_in: SignIn, officer: Person, busy: Webhook
) -> None:
    sign_in(officer)
    page.goto(reverse("admin:operations"))
    page.locator("#span-6h").focus()
    page.locator("#chart-table summary").click()
    page.locator("#span-24h").focus()
    make_attempt(make_delivery(webhook=busy, event=make_event()), number=1, status=503, succeeded=True)
    DispatcherBeat.objects.create(name="two", started_at=timezone.now(), beat_at=timezone.now())
    page.evaluate("htmx.trigger('[data-live]', 'refresh')")
    expect(page.get_by_text("2 processes send")).to_be_visible()
    expect(page.locator("#span-24h")).to_be_focused()
    expect(page.locator("#chart-table table")).to_be_visible()


def test_overview_whose_session_has_ended_leads_to_the_sign_in(
    page: Page, sign_in: SignIn, officer: Person, busy: Webhook
) -> None:
    sign_in(officer)
    page.goto(reverse("admin:operations"))
    page.context.clear_cookies()
    page.evaluate("htmx.trigger('[data-live]', 'refresh')")
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_job_is_paused_by_keyboard_alone(page: Page, sign_in: SignIn, officer: Person, busy: Webhook) -> None:
    sign_in(officer)
    page.goto(reverse("admin:operations_jobs"))
    way = page.get_by_role("link", name="Pause: Count attempts for the metrics")
    for _press in range(150):
        if way.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(way).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pause a job")).to_be_visible()
    page.get_by_role("button", name="Pause this job").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paused by Officer")).to_be_visible()
    assert JobOrder.objects.get(task=JOB).paused_by == "Officer"
    assert PeriodicTask.objects.get(task=JOB).enabled is False


def test_operator_pauses_a_failing_webhook_from_the_overview(
    page: Page, sign_in: SignIn, officer: Person, busy: Webhook
) -> None:
    sign_in(officer)
    page.goto(f"{reverse('admin:operations')}?span=24h")
    page.get_by_role("link", name=re.compile("^Pause Contabilização")).click()
    page.get_by_label("Reason").fill("floods the line")
    page.get_by_role("button", name="Pause 1 webhook").click()
    expect(page).to_have_url(re.compile(r"/admin/operations/\?span=24h$"))
    expect(page.get_by_text("1 webhook is paused.")).to_be_visible()
    busy.refresh_from_db()
    assert busy.stopped_reason == "paused"


def test_officer_sees_as_a_participant_and_comes_back(
    page: Page, sign_in: SignIn, officer: Person, busy: Webhook
) -> None:
    sign_in(officer)
    page.goto(reverse("admin:access_participant_change", args=[busy.participant_id]))
    page.get_by_role("link", name="See as participant").click()
    page.get_by_label("Reason").fill("ticket 12")
    page.get_by_role("button", name="See as participant").click()
    expect(page.get_by_text("Nothing can be changed.")).to_be_visible()
    assert find_violations(page) == []
    page.goto(reverse("webhooks:webhook-list"))
    expect(page.get_by_role("link", name="New webhook")).to_have_count(0)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Back to the administration").click()
    expect(page).to_have_url(re.compile(r"/admin/access/participant/\d+/change/$"))
