"""The form of a webhook that sends a token, in a real browser (CERC-17 to CERC-23, UNICO-20 to UNICO-33)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accessibility import find_violations
from tests.certificates import self_signed
from tests.connections.endpoint import token_answer
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from tests.receiver import Receiver
from tests.webhooks.pages import url
from tests.webhooks.test_credentials import jwt_7523
from webhooks.models import Webhook

SignIn = Callable[[Person], None]
CANARY = "CANARY-4d3c2b1a-secret-of-forty-characters"
PAIR = self_signed("client.example.com", kind="EC")


@pytest.fixture
def form(page: Page, sign_in: SignIn, owner: Person) -> Page:
    make_connection(participant=owner.participant, name="Servidor da mesa")
    make_key_pair(participant=owner.participant, name="Certificado da mesa")
    sign_in(owner)
    page.goto(url("webhook-create"))
    return page


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "client.CRT", tmp_path / "client.key"
    certificate.write_text(PAIR.certificate)
    key.write_text(PAIR.key)
    return certificate, key


def choose(page: Page, method: str) -> None:
    page.locator("[name='auth_method']").select_option(method)


def field(page: Page, name: str) -> Locator:
    return page.locator(f"[name='{name}']")


def mark_of(page: Page, name: str) -> Locator:
    return page.locator(".field", has=field(page, name)).locator("label .required")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("method", ["oauth2", "jwt"])
def test_both_areas_break_no_rule_of_accessibility_and_fit_a_phone(form: Page, theme: Any, method: str) -> None:
    form.emulate_media(color_scheme=theme)
    choose(form, method)
    for summary in form.locator("#authentication summary:visible").all():
        summary.click()
    assert find_violations(form) == []
    form.set_viewport_size({"width": 360, "height": 740})
    assert form.evaluate("document.documentElement.scrollWidth") == 360


def test_cerc_19_the_authentication_type_shows_what_it_needs_and_forgets_nothing(form: Page) -> None:
    choose(form, "oauth2")
    field(form, "oauth2-client_secret").fill(CANARY)
    expect(field(form, "oauth2-key_pair-certificate")).to_be_hidden()
    field(form, "oauth2-auth_type").select_option("private_key_jwt")
    expect(field(form, "oauth2-client_secret")).to_be_hidden()
    expect(field(form, "oauth2-key_pair-certificate")).to_be_visible()
    expect(mark_of(form, "oauth2-key_pair-certificate")).to_be_visible()
    field(form, "oauth2-auth_type").select_option("client_secret_basic")
    expect(field(form, "oauth2-client_secret")).to_have_value(CANARY)


def test_a_shared_connection_or_certificate_takes_the_place_of_own_values(form: Page) -> None:
    choose(form, "oauth2")
    expect(field(form, "oauth2-token_url")).to_be_visible()
    field(form, "oauth2-connection").select_option(label="Servidor da mesa")
    expect(field(form, "oauth2-token_url")).to_be_hidden()
    choose(form, "jwt")
    expect(field(form, "jwt-key_pair-certificate")).to_be_visible()
    field(form, "jwt-key_pair-shared").select_option(index=1)
    expect(field(form, "jwt-key_pair-certificate")).to_be_hidden()
    expect(form.locator("[data-method='jwt'] .certificate:visible")).to_have_count(1)


def test_unico_32_unico_33_the_metodo_shows_and_marks_its_fields(form: Page) -> None:
    choose(form, "jwt")
    field(form, "jwt-token_url").fill("https://as.example.com/jwt")
    expect(mark_of(form, "jwt-sub")).to_be_visible()
    expect(mark_of(form, "jwt-key_pair-private_key")).to_be_visible()
    expect(mark_of(form, "jwt-body")).to_have_count(0)
    field(form, "jwt-kind").select_option("jwt_7519")
    expect(field(form, "jwt-sub")).to_be_hidden()
    expect(mark_of(form, "jwt-key_pair-private_key")).to_have_count(0)
    expect(mark_of(form, "jwt-body")).to_be_visible()
    expect(field(form, "jwt-token_url")).to_have_value("https://as.example.com/jwt")


def test_unico_28_rows_of_the_token_request_are_a_set_of_their_own(form: Page) -> None:
    choose(form, "jwt")
    form.locator("[data-header-rows='jwt-headers'] [name='add_header']").click()
    expect(field(form, "jwt-headers-0-name")).to_be_focused()
    expect(field(form, "headers-0-name")).to_have_count(0)
    form.locator("#headers [name='add_header']").click()
    expect(field(form, "headers-0-name")).to_be_focused()
    form.locator("[data-header-rows='jwt-headers'] .header-remove").click()
    expect(field(form, "jwt-headers-0-name")).to_have_count(0)
    expect(field(form, "headers-0-name")).to_have_count(1)


def test_unico_30_a_value_with_tags_can_be_read_while_it_is_typed(form: Page) -> None:
    form.locator("#headers [name='add_header']").click()
    field(form, "headers-0-name").fill("X-Signature")
    expect(field(form, "headers-0-value")).to_have_attribute("type", "password")
    field(form, "headers-0-value").fill("v1={{signature}}")
    expect(field(form, "headers-0-secret")).not_to_be_checked()
    expect(field(form, "headers-0-value")).to_have_attribute("type", "text")


def test_the_token_url_in_the_clear_warns_while_typing(form: Page) -> None:
    choose(form, "oauth2")
    warning = form.locator("[data-method='oauth2'] [data-clear-text]")
    expect(warning).to_be_hidden()
    field(form, "oauth2-token_url").fill("http://as.example.com/token")
    expect(warning).to_be_visible()


@pytest.mark.usefixtures("loopback")
def test_cerc_17_oauth2_is_tried_and_saved_and_its_secret_stays_on_the_server(form: Page, receiver: Receiver) -> None:
    receiver.answer("/token", token_answer())
    form.get_by_label("Description").fill("Mesa")
    field(form, "request_uri").fill(receiver.url("/hook"))
    choose(form, "oauth2")
    field(form, "oauth2-token_url").fill(receiver.url("/token"))
    field(form, "oauth2-client_id").fill("client-1")
    field(form, "oauth2-client_secret").fill(CANARY)
    form.get_by_role("button", name="Test", exact=True).click()
    card = form.locator("#test-result")
    expect(card).to_contain_text("Token obtained")
    expect(card).to_contain_text("Delivered: response 200")
    assert find_violations(form) == []
    form.get_by_role("button", name="Save").last.click()
    expect(form).to_have_url(re.compile("/secret/$"))
    form.goto(url("webhook-edit", Webhook.objects.get()))
    assert CANARY not in form.content()
    expect(field(form, "oauth2-client_id")).to_have_value("client-1")


def test_unico_23_unico_24_files_survive_a_refused_save_and_are_then_described(
    form: Page, files: tuple[Path, Path]
) -> None:
    field(form, "request_uri").fill("https://hook.example.com/in")
    choose(form, "jwt")
    field(form, "jwt-token_url").fill("https://as.example.com/jwt")
    field(form, "jwt-key_pair-certificate").set_input_files(files[0])
    field(form, "jwt-key_pair-private_key").set_input_files(files[1])
    form.get_by_role("button", name="Save").last.click()
    summary = form.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Sub")
    summary.get_by_role("link", name="Sub").click()
    expect(field(form, "jwt-sub")).to_be_focused()
    form.get_by_label("Description").fill("Mesa")
    field(form, "jwt-sub").fill("USR")
    field(form, "jwt-ver").fill("1")
    form.get_by_role("button", name="Save").last.click()
    expect(form).to_have_url(re.compile("/secret/$"))
    webhook = Webhook.objects.get()
    form.goto(url("webhook-edit", webhook))
    shown = form.locator("[data-method='jwt'] .certificate:visible")
    expect(shown).to_contain_text(webhook.connection.key_pair.fingerprint)
    expect(mark_of(form, "jwt-key_pair-certificate")).to_have_count(0)
    assert "PRIVATE KEY" not in form.content()


def test_the_form_is_filled_by_keyboard_alone(form: Page) -> None:
    form.locator("[name='auth_method']").focus()
    form.keyboard.press("End")
    expect(form.locator("[name='auth_method']")).to_have_value("jwt")
    form.keyboard.press("Tab")
    reached = [form.evaluate("document.activeElement.name")]
    for _ in range(8):
        form.keyboard.press("Tab")
        reached.append(form.evaluate("document.activeElement.name"))
    # The one shared connection is of another kind, so the area offers none.
    assert [name for name in reached if name.startswith("jwt-")][:2] == ["jwt-kind", "jwt-token_url"]
    assert not [name for name in reached if name.startswith(("oauth2-", "basic-", "secret-"))]


def test_the_token_form_works_without_javascript_on_a_phone(
    chromium: Browser, live_server: Any, owner: Person, files: tuple[Path, Path]
) -> None:
    context = chromium.new_context(
        base_url=live_server.url, locale="en-GB", java_script_enabled=False, viewport={"width": 360, "height": 740}
    )
    context.add_cookies([{"name": "session", "value": owner.client.cookies["session"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(url("webhook-create"))
    page.get_by_label("Description").fill("Sem script")
    field(page, "request_uri").fill("https://hook.example.com/in")
    choose(page, "jwt")
    page.get_by_role("button", name="Show the fields of this type").click()
    field(page, "jwt-token_url").fill("https://as.example.com/jwt")
    field(page, "jwt-sub").fill("USR")
    field(page, "jwt-ver").fill("1")
    field(page, "jwt-key_pair-certificate").set_input_files(files[0])
    field(page, "jwt-key_pair-private_key").set_input_files(files[1])
    page.get_by_role("button", name="Save").last.click()
    expect(page).to_have_url(re.compile("/secret/$"))
    assert Webhook.objects.get().connection.key_pair.certificate_pem == PAIR.certificate
    context.close()


def test_a_saved_certificate_is_shown_at_once(page: Page, sign_in: SignIn, owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, **jwt_7523())
    sign_in(owner)
    page.goto(url("webhook-edit", webhook))
    expect(page.locator(".certificate:visible")).to_contain_text("client.example.com")
    assert find_violations(page) == []
