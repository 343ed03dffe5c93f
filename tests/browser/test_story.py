"""The whole way of a notification as people walk it: a participant's webhook, a publication in the admin, Enviar."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import find_violations
from tests.browser.watch import Watch
from tests.dispatch.running import dispatchers
from tests.factories import make_product
from tests.people import Person
from tests.receiver import Receiver

PASSWORD = "a-good-long-password"
# The buttons by their names in each language: the seeds' own in Portuguese.
WORDS = {
    "pt-br": {
        "webhooks": "Webhooks",
        "new": "Novo Webhook",
        "description": "Descrição",
        "test": "Testar",
        "save": "Salvar",
        "send": "Enviar",
        "delivered": "Entregue",
        "details": "Exibir Detalhes",
        "edit": "Editar",
        "preview": "Pré-visualizar",
    },
    "en": {
        "webhooks": "Webhooks",
        "new": "New webhook",
        "description": "Description",
        "test": "Test",
        "save": "Save",
        "send": "Send",
        "delivered": "Delivered",
        "details": "Show details",
        "edit": "Edit",
        "preview": "Preview",
    },
}


@pytest.fixture
def operations(chromium: Browser, live_server: Any, officer: Person, watch: Watch) -> Iterator[Page]:
    """The officer's own browser, signed in."""
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.on("page", watch.follow)
    cookie = officer.client.cookies["session"]
    context.add_cookies([{"name": "session", "value": cookie.value, "url": live_server.url}])
    yield context.new_page()
    context.close()


def speak(person: Person, language: str) -> None:
    person.user.language = language
    person.user.save()


def sign_in_by_hand(page: Page, person: Person) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(person.user.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button.btn-primary").click()


def publish_in_the_admin(page: Page, words: dict[str, str], product: Any) -> None:
    page.goto("/admin/catalog/publication/publish/")
    page.locator("[name=product]").select_option(str(product.pk))
    page.locator("[name=period]").fill("2026-11-19")
    file = {"name": "prices.csv", "mimeType": "text/csv", "buffer": b"hour;price\n1;10.00\n"}
    page.locator("[name=file]").set_input_files([file])  # type: ignore[list-item]
    page.get_by_role("button", name=words["preview"]).click()
    expect(page.locator("#content")).to_contain_text("Mesa de operação")
    page.locator("[name=confirm]").click()
    expect(page.locator(".messagelist, #content").first).to_be_visible()


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_from_a_new_webhook_to_a_notification_that_arrived(
    language: str,
    page: Page,
    operations: Page,
    owner: Person,
    officer: Person,
    receiver: Receiver,
    loopback: None,
    tmp_path: Path,
) -> None:
    """ONS-2, ONS-3, ONS-6, ONS-10, ONS-11, ONS-14, ONS-15, UNICO-1, UNICO-9."""
    words = WORDS[language]
    speak(owner, language)
    speak(officer, language)
    product = make_product(name="Preços Horários", periodicity="daily")
    sign_in_by_hand(page, owner)

    # A webhook, tried out before it is saved.
    page.get_by_role("link", name=words["webhooks"]).first.click()
    page.get_by_role("link", name=words["new"]).first.click()
    page.get_by_label(words["description"]).first.fill("Mesa de operação")
    page.get_by_label("Request URI").fill(receiver.url("/hook"))
    page.get_by_label("Preços Horários").check()
    page.get_by_role("button", name=words["test"], exact=True).click()
    expect(page.locator("#test-result")).to_contain_text("200")
    assert len(receiver.requests("/hook")) == 1
    page.locator("#save-button").click()
    expect(page).not_to_have_url(re.compile("/new/$"))

    # The details stay open while operations publish in the admin: the status changes without a reload.
    page.goto("/settings/integration/webhooks/")
    page.get_by_role("link", name=words["details"]).first.click()
    row = page.locator("tr", has_text="Preços Horários")
    page.evaluate("window.neverReloaded = true")
    with dispatchers(tmp_path, 1):
        publish_in_the_admin(operations, words, product)
        expect(row).to_contain_text(words["delivered"], timeout=15_000)
        assert page.evaluate("window.neverReloaded")
        assert len(receiver.requests("/hook")) == 2

        # Enviar: the same version again, its result in the same row, the focus where it was.
        row.get_by_role("button", name=words["send"]).click()
        receiver.wait_for(3, path="/hook", timeout=10)
        expect(row).to_contain_text(words["delivered"])
        expect(row.get_by_role("button", name=words["send"])).to_be_focused()
        assert page.evaluate("window.neverReloaded")
    assert find_violations(page) == []
    # Told in the body: the date of reference, and where the file is (ONS-4).
    assert '"DataProduto":"19/11/2026"' in receiver.requests("/hook")[-1].body.decode().replace('": "', '":"')

    # Editing: another description, kept.
    page.get_by_role("link", name=words["edit"]).first.click()
    page.get_by_label(words["description"]).first.fill("Mesa de operação 2")
    page.locator("#save-button").click()
    expect(page).not_to_have_url(re.compile("/edit/$"))
    expect(page.locator("main")).to_contain_text("Mesa de operação 2")
