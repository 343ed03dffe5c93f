"""Every page of the administration in Chromium: accessibility in both themes, a small phone, the content policy, the
keyboard, and what happens without a press."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import Page, expect

from dispatch.models import DispatcherBeat
from portal.models import JobOrder
from tests.browser.accessibility import find_violations
from tests.browser.gallery.administration import JOB, all_paths, make_busy
from tests.factories import make_attempt, make_delivery, make_event
from tests.people import Person
from webhooks.models import Webhook

SignIn = Callable[[Person], None]
# A minute each, not a quarter of an hour in one.
PARTS = 4
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def busy(owner: Person, officer: Person) -> Webhook:
    return make_busy(owner, officer)


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


def test_menu_opens_on_a_phone_and_leads_to_another_list(
    page: Page, sign_in: SignIn, officer: Person, busy: Webhook
) -> None:
    sign_in(officer)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(reverse("admin:access_user_changelist"))
    menu = page.get_by_role("navigation", name="Menu")
    expect(menu.get_by_role("link", name="Lanes")).to_be_hidden()
    menu.get_by_role("link", name="Menu").click()
    assert find_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    menu.get_by_role("link", name="Lanes").click()
    expect(page.get_by_role("heading", name="Lanes")).to_be_visible()
    expect(menu.get_by_role("link", name="Users")).to_be_hidden()


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
    row = page.get_by_role("row", name=re.compile("^Count attempts"))
    expect(row.get_by_text("Paused by Officer")).to_be_visible()
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
