"""Somebody who uses no mouse: sign-in, a webhook, Enviar Tudo with its dialog and its progress, by keys alone. Wherever
Tab leads, the focus can be seen and nothing hides it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from access.actors import Actor
from dispatch.actions import announce
from tests.browser.journeys.walking import PASSWORD, Say, speak, tab_to
from tests.dispatch.running import dispatchers
from tests.factories import make_product, make_publication, make_webhook
from tests.people import Person
from tests.receiver import Receiver
from webhooks.models import Webhook

LIST = "/settings/integration/webhooks/"

# A whole way, on a machine that does much else.
pytestmark = pytest.mark.timeout(120)


def sign_in_by_keys(page: Page, person: Person) -> None:
    page.goto("/accounts/login/")
    tab_to(page, page.locator("input[name=login]"))
    page.keyboard.type(person.user.email)
    tab_to(page, page.locator("input[name=password]"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_be_visible()


def press(page: Page, key: str, role: str, name: str | re.Pattern[str]) -> None:
    """Walk to what has this role and name inside the page's own part, and press a key on it."""
    tab_to(page, page.locator("main").get_by_role(role, name=name).first)  # type: ignore[arg-type]
    page.keyboard.press(key)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_a_webhook_is_made_tried_out_and_saved(
    language: str, page: Page, owner: Person, receiver: Receiver, loopback: None
) -> None:
    say = speak(owner, language)
    make_product(name="Preços Horários")
    sign_in_by_keys(page, owner)

    # Past the menu at once, to what is to be done.
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    press(page, "Enter", "link", say("New webhook"))

    # The first field waits for words; a choice of two changes by arrow, a product by the space bar.
    expect(page.locator("#id_description")).to_be_focused()
    page.keyboard.type("Mesa de operação")
    tab_to(page, page.get_by_role("radio", name=say("Active"), exact=True))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name=say("Inactive"), exact=True)).to_be_checked()
    page.keyboard.press("ArrowLeft")
    tab_to(page, page.get_by_label("Request URI"))
    page.keyboard.type(receiver.url("/hook"))
    tab_to(page, page.get_by_label("Preços Horários"))
    page.keyboard.press("Space")

    # The verdict of the test is told, and the focus stays on its button.
    tab_to(page, page.locator("#test-button"))
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_contain_text("200")
    expect(page.locator("#test-button")).to_be_focused()
    tab_to(page, page.locator("#save-button"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/secret/$"))
    assert Webhook.objects.get().product_subscriptions.count() == 1


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_a_refused_form_leads_from_its_summary_to_the_field(language: str, page: Page, owner: Person) -> None:
    say = speak(owner, language)
    sign_in_by_keys(page, owner)
    page.goto(f"{LIST}new/")
    page.keyboard.type("Mesa")
    page.keyboard.press("Enter")

    expect(page.locator("[data-error-summary]")).to_be_focused()
    press(page, "Enter", "link", "Request URI")
    expect(page.get_by_label("Request URI")).to_be_focused()
    expect(page.get_by_label("Request URI")).to_have_attribute("aria-invalid", "true")
    assert say("Description") in page.locator("label[for=id_description]").inner_text()


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_send_all_by_its_dialog_and_back_again(
    language: str, page: Page, owner: Person, receiver: Receiver, loopback: None, tmp_path: Path
) -> None:
    say = speak(owner, language)
    products = [make_product(name=f"Produto {number}") for number in range(3)]
    values = {"participant": owner.participant, "request_uri": receiver.url("/hook")}
    for product in products:
        announce(make_publication(product), by=Actor.system("test"))
    make_webhook(**values, description="Mesa", products=products)
    sign_in_by_keys(page, owner)
    page.goto(LIST)

    # Escape leads back to the button; inside, Tab reaches nothing of the page behind.
    opener = page.locator("main").get_by_role("link", name=re.compile(say("Send all"))).first
    tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(page.locator("#batch-title")).to_be_focused()
    for _press in range(6):
        page.keyboard.press("Tab")
        # The body: Tab went on to the browser's own controls, past nothing of the page behind.
        assert page.evaluate("document.activeElement.closest('dialog') || document.activeElement === document.body")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()

    page.keyboard.press("Enter")
    expect(page.locator("#batch-title")).to_be_focused()
    tab_to(page, page.locator("#batch-send"))
    said = listen(page)
    page.keyboard.press("Enter")
    with dispatchers(tmp_path, 1):
        expect(page.locator(".batch-bar")).to_have_attribute("aria-valuenow", "100", timeout=20_000)
    assert_told(said(), say)
    tab_to(page, page.locator("#batch-close"))
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(opener).to_be_focused()
    assert len(receiver.requests("/hook")) == 3


def listen(page: Page) -> "Listener":
    """Keep what the live region says from now on, as a screen reader would read it."""
    page.evaluate("""() => {
      window.told = [];
      const region = document.getElementById("live");
      new MutationObserver(() => region.textContent && window.told.push(region.textContent)).observe(
        region, { childList: true, characterData: true, subtree: true });
    }""")
    return Listener(page)


class Listener:
    """Returns what was said so far."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def __call__(self) -> list[str]:
        self._page.wait_for_timeout(200)
        return list(self._page.evaluate("window.told"))


def assert_told(told: list[str], say: Say) -> None:
    """Begin and end were both told, in the reader's language."""
    assert len(told) >= 2, told
    assert "3" in told[-1]


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_every_stop_of_the_main_pages_shows_the_focus(language: str, page: Page, owner: Person) -> None:
    speak(owner, language)
    webhook = make_webhook(participant=owner.participant, products=[make_publication().product])
    sign_in_by_keys(page, owner)
    for path in ("/", LIST, f"{LIST}{webhook.uuid}/", "/publications/", "/deliveries/", "/profile/"):
        page.goto(path)
        last = page.locator("main").locator("a, button, input, select, summary").locator("visible=true").last
        tab_to(page, last)
