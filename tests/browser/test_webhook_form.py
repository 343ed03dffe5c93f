"""The form of a webhook in a real browser: what a script adds to it, and that nothing typed is lost."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser.accessibility import find_violations
from tests.factories import make_process, make_product, make_webhook
from tests.people import Person
from tests.receiver import Answer, Receiver
from tests.webhooks.pages import url
from webhooks.models import Webhook
from webhooks.values import HeaderValues

SignIn = Callable[[Person], None]
CANARY = "CANARY-1f2e3d4c"


@pytest.fixture
def form(page: Page, sign_in: SignIn, owner: Person) -> Page:
    """The form of a new webhook, with two processes of products."""
    for name, products in (("Medição Verificada", ("Carga Verificada", "Previsão")), ("Garantias", ("Aportes",))):
        process = make_process(name=name)
        for product in products:
            make_product(process=process, name=product)
    sign_in(owner)
    page.goto(url("webhook-create"))
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_break_no_rule_of_accessibility(page: Page, sign_in: SignIn, owner: Person, theme: Any) -> None:
    headers = (HeaderValues("X-Key", CANARY), HeaderValues("X-Open", "open", secret=False))
    make_product()
    webhook = make_webhook(
        participant=owner.participant, auth_method="secret", auth_secrets={"secret": CANARY}, headers=headers
    )
    sign_in(owner)
    page.emulate_media(color_scheme=theme)
    for name in ("webhook-edit", "webhook-secret", "webhook-archive"):
        page.goto(url(name, webhook))
        assert find_violations(page) == []
    for name in ("webhook-list", "profile-webhook-list", "webhook-create"):
        page.goto(url(name))
        assert find_violations(page) == []


def test_a_refused_save_keeps_every_input_and_leads_to_the_field(form: Page) -> None:
    form.get_by_label("Request URI").fill("ftp://x")
    form.locator("[name='auth_method']").select_option("secret")
    form.locator("[name='secret-secret']").fill(CANARY)
    form.get_by_role("button", name="Save").last.click()

    summary = form.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(form.locator("[name='secret-secret']")).to_have_value(CANARY)
    expect(form.locator("#id_description")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("#id_description")).to_have_attribute("aria-describedby", re.compile("id_description_error"))
    summary.get_by_role("link", name="Request URI").click()
    expect(form.get_by_label("Request URI")).to_be_focused()
    assert find_violations(form) == []

    form.get_by_label("Description").fill("Mesa")
    form.get_by_label("Request URI").fill("https://hook.example.com/in")
    form.get_by_role("button", name="Save").last.click()
    expect(form).to_have_url(re.compile("/secret/$"))
    assert CANARY in Webhook.objects.get().auth_secrets


def test_the_authentication_type_shows_its_own_fields_and_forgets_nothing(form: Page) -> None:
    form.locator("[name='auth_method']").select_option("basic")
    form.get_by_label("User", exact=False).first.fill("joão")
    form.locator("[name='auth_method']").select_option("secret")
    expect(form.locator("[name='basic-username']")).to_be_hidden()
    expect(form.locator("[name='secret-secret']")).to_be_visible()
    form.locator("[name='auth_method']").select_option("basic")
    expect(form.locator("[name='basic-username']")).to_have_value("joão")


def test_header_rows_are_added_and_removed_and_secrets_are_dots(form: Page) -> None:
    add = form.get_by_role("button", name="Add", exact=True)
    add.click()
    expect(form.locator("[name='headers-0-name']")).to_be_focused()
    expect(form.locator("[name='headers-0-value']")).to_have_attribute("type", "password")
    form.keyboard.type("Accept")
    expect(form.locator("[name='headers-0-secret']")).not_to_be_checked()
    expect(form.locator("[name='headers-0-value']")).to_have_attribute("type", "text")
    add.click()
    form.keyboard.type("X-Key")
    form.get_by_role("button", name="Remove this header").first.click()
    expect(form.locator("[name='headers-1-name']")).to_be_focused()
    expect(form.locator("#header-rows [name$='-name']")).to_have_count(1)


def test_products_are_searched_without_accents_and_chosen_by_process(form: Page) -> None:
    expect(form.locator("#picker-count")).to_have_text("0 of 3 selected")
    form.get_by_label("Search product or process").fill("medicao previsao")
    expect(form.locator(".picker-product:visible")).to_have_count(1)
    form.get_by_label("Previsão").check()
    form.get_by_label("Search product or process").fill("")
    everything = form.get_by_label("Medição Verificada: all of this process")
    assert everything.evaluate("box => box.indeterminate")
    everything.check()
    expect(form.locator("#picker-count")).to_have_text("2 of 3 selected")
    form.get_by_label("Only selected").check()
    expect(form.locator(".picker-product:visible")).to_have_count(2)


def test_http_with_credentials_warns_while_typing(form: Page) -> None:
    warning = form.locator("#clear-text-warning")
    form.get_by_label("Request URI").fill("http://hook.example.com/")
    expect(warning).to_be_hidden()
    form.locator("[name='auth_method']").select_option("basic")
    expect(warning).to_be_visible()
    form.get_by_label("Request URI").fill("https://hook.example.com/")
    expect(warning).to_be_hidden()


def test_a_refused_test_marks_the_field_and_keeps_the_focus(form: Page) -> None:
    address, button = form.get_by_label("Request URI"), form.get_by_role("button", name="Test")
    address.fill("http://10.0.0.5:9000/")
    for _time in range(2):
        button.click()
        expect(form.locator("#live")).to_have_text("Not tested: there is something to correct.")
        expect(address).to_have_attribute("aria-invalid", "true")
        expect(form.locator("#id_request_uri_error li")).to_contain_text("This address cannot be called from here")
    expect(form.locator("#id_request_uri_error li")).to_have_count(1)
    expect(button).to_be_focused()
    assert find_violations(form) == []
    address.fill("https://hook.example.com/")
    expect(form.locator("#id_request_uri_error")).to_have_count(0)


def test_leaving_asks_only_while_something_typed_is_not_saved(form: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    form.on("dialog", stay)
    form.get_by_label("Search product or process").fill("previsao")
    form.get_by_role("link", name="Cancel").click()
    expect(form).to_have_url(re.compile("/webhooks/$"))
    assert asked == []

    form.goto(url("webhook-create"))
    form.get_by_label("Description").fill("Mesa")
    form.get_by_role("link", name="Cancel").click()
    form.get_by_role("button", name="Save").last.click()  # refused: the address is missing
    expect(form.locator("[data-error-summary]")).to_be_focused()
    form.get_by_role("link", name="Cancel").click()
    expect(form.get_by_label("Description")).to_have_value("Mesa")
    assert asked == ["beforeunload"] * 2

    form.get_by_label("Request URI").fill("https://hook.example.com/in")
    form.get_by_role("button", name="Save").last.click()
    expect(form).to_have_url(re.compile("/secret/$"))
    assert len(asked) == 2


@pytest.mark.usefixtures("loopback")
def test_testar_swaps_the_card_keeps_the_focus_and_marks_it_outdated(form: Page, receiver: Receiver) -> None:
    receiver.answer("/hook", Answer(500), Answer(204))
    form.get_by_label("Request URI").fill(receiver.url("/hook"))
    button = form.get_by_role("button", name="Test")
    button.click()
    card = form.locator("#test-result")
    expect(card).to_contain_text("Error in the receiver: 500")
    expect(form.locator("#form-state").get_by_role("link")).to_have_attribute("href", "#test-result")
    expect(form.locator("#live")).to_have_text("Test failed: Error in the receiver: 500")
    expect(button).to_be_focused()
    assert find_violations(form) == []

    button.click()
    expect(card).to_contain_text("Delivered: response 204")
    expect(card.locator("[data-outdated]")).to_be_hidden()
    form.get_by_label("Description").fill("x")
    expect(card.locator("[data-outdated]")).to_be_visible()
    assert not Webhook.objects.exists()


def test_the_signing_secret_is_shown_once(form: Page) -> None:
    form.get_by_label("Description").fill("Mesa")
    form.get_by_label("Request URI").fill("https://hook.example.com/in")
    form.keyboard.press("Enter")
    form.get_by_role("button", name="Show it once").click()
    expect(form.locator("#signing-secret")).to_have_text(re.compile("^whsec_"))
    assert find_violations(form) == []
    form.goto(url("webhook-secret", Webhook.objects.get()))
    expect(form.get_by_text("It can't be shown again")).to_be_visible()


def test_the_form_works_without_javascript_on_a_phone(
    chromium: Browser, live_server: Any, owner: Person, receiver: Receiver, loopback: None
) -> None:
    context = chromium.new_context(
        base_url=live_server.url, locale="en-GB", java_script_enabled=False, viewport={"width": 360, "height": 740}
    )
    context.add_cookies([{"name": "session", "value": owner.client.cookies["session"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(url("webhook-create"))
    page.get_by_label("Description").fill("Sem script")
    page.get_by_label("Request URI").fill(receiver.url("/hook"))
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("[name='headers-0-name']").fill("X-Key")
    page.locator("[name='headers-0-value']").fill(CANARY)
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#test-result")).to_contain_text("Delivered: response 200")
    expect(page.get_by_text("Enter these secrets again:")).to_be_visible()
    page.locator("[name='headers-0-value']").fill(CANARY)
    page.get_by_role("button", name="Save").last.click()
    expect(page).to_have_url(re.compile("/secret/$"))
    assert Webhook.objects.get().headers.get().sealed_value == CANARY
    context.close()
