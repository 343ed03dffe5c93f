"""Somebody of the operator: what fails and since when, that webhook paused with its reason, a publication, and what the
trail says about both."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from access.models import AuditEntry
from dispatch.models import Delivery, Lane
from tests.browser.accessibility import find_violations
from tests.browser.journeys.walking import PASSWORD, speak
from tests.factories import make_attempt, make_delivery, make_event, make_product, make_publication, make_webhook
from tests.people import Person
from webhooks.models import Webhook


@pytest.mark.timeout(120)
@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_a_failing_webhook_is_found_paused_and_a_file_published(
    language: str, page: Page, owner: Person, officer: Person
) -> None:
    say = speak(officer, language)
    product = make_product(name="Preços Horários")
    webhook = make_webhook(participant=owner.participant, description="ERP produção", products=[product])
    delivery = make_delivery(webhook=webhook, event=make_event(publication=make_publication(product)))
    Lane.objects.filter(webhook=webhook).update(failures_in_row=4, failing_since=timezone.now())
    make_attempt(delivery, number=1, status=401, diagnosis="unauthorized_none", duration_ms=40)

    # Signing in leads to the administration, whose overview names what fails.
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(officer.user.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button.btn-primary").click()
    expect(page).to_have_url(re.compile("/admin/"))
    page.locator("a[href$='/admin/operations/']").first.click()
    row = page.locator("tr", has_text="ERP produção").first
    expect(row).to_contain_text("401")
    assert find_violations(page) == []

    # Paused from there: first the effect, then the reason, then it is so.
    row.locator(f"#way-{webhook.uuid}").click()
    content = page.locator("#content")
    expect(content).to_contain_text("ERP produção")
    assert not Webhook.objects.get().stopped
    page.locator("[name=note]").fill("floods the line")
    page.locator(".submit-row input[type=submit]").click()
    expect(page.locator(".messagelist")).to_be_visible()
    assert Webhook.objects.get().stopped_reason == "paused"
    assert Delivery.objects.get().state == "held"

    # A file is published: the preview says whom it reaches, and nothing is out before it is confirmed.
    page.goto("/admin/catalog/publication/publish/")
    page.locator("[name=product]").select_option(str(product.pk))
    page.locator("[name=period]").fill("2026-11-19")
    file = FilePayload(name="prices.csv", mimeType="text/csv", buffer=b"hour;price\n1;10.00\n")
    page.locator("[name=file]").set_input_files(file)
    page.get_by_role("button", name=say("Preview")).click()
    expect(content).to_contain_text("Preços Horários")
    assert product.publications.count() == 1
    page.locator("[name=confirm]").click()
    expect(page.locator(".messagelist")).to_be_visible()
    assert product.publications.count() == 2

    # Found again by its own id, without opening rows.
    page.goto(f"/admin/dispatch/delivery/?q={delivery.message_id}")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert find_violations(page) == []
    entry = AuditEntry.objects.get(action="webhooks.webhook.stopped")
    assert (entry.actor_user, entry.after["note"]) == (officer.user, "floods the line")
