"""Somebody on call with a telephone of 360 pixels, by touch: what fails, why, and send again."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accessibility import find_violations
from tests.browser.journeys.walking import sign_in_by_hand, speak
from tests.browser.watch import Watch
from tests.dispatch.running import dispatchers
from tests.factories import make_attempt, make_delivery, make_event, make_product, make_publication, make_webhook
from tests.people import Person
from tests.receiver import Answer, Receiver

FINGER = 44

# A whole way, on a machine that does much else.
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def phone(chromium: Browser, live_server: Any, watch: Watch) -> Iterator[Page]:
    context = chromium.new_context(
        base_url=live_server.url, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    context.on("page", watch.follow)
    yield context.new_page()
    context.close()


def fits(page: Page) -> None:
    """Nothing is wider than the screen, and no rule is broken."""
    assert page.evaluate("document.documentElement.scrollWidth") == 360, page.url
    assert find_violations(page) == [], page.url


def assert_big_enough(target: Locator) -> None:
    box = target.bounding_box()
    assert box
    assert box["height"] >= FINGER, target


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_what_fails_is_found_understood_and_sent_again(
    language: str, phone: Page, owner: Person, receiver: Receiver, loopback: None, tmp_path: Path
) -> None:
    say = speak(owner, language)
    product = make_product(name="Preços Horários")
    event = make_event(publication=make_publication(product))
    values = {"participant": owner.participant, "request_uri": receiver.url("/hook"), "products": [product]}
    webhook = make_webhook(**values, description="Mesa de operação")
    receiver.answer("/hook", Answer(503), Answer(200))
    make_delivery(webhook=webhook, event=event)
    with dispatchers(tmp_path, 1):
        receiver.wait_for(1, path="/hook", timeout=15)
        sign_in_by_hand(phone, owner)
        phone.reload()

        # The home page says what to do; the button is big enough for a finger.
        go = phone.locator(".next-action").get_by_role("link")
        expect(go).to_contain_text(say("See what happened"))
        assert_big_enough(go)
        fits(phone)
        go.tap()
        expect(phone.locator("main h1")).to_contain_text("Mesa de operação")
        expect(phone.locator(".diagnosis").first).to_contain_text(say("What to do"))
        fits(phone)

        # Enviar, beside the product, without a reload.
        send = phone.locator("tr", has_text="Preços Horários").get_by_role("button")
        assert_big_enough(send)
        phone.evaluate("window.neverReloaded = true")
        send.tap()
        row = phone.locator("tr", has_text="Preços Horários")
        expect(row).to_contain_text(say("Delivered"), timeout=15_000)
        assert phone.evaluate("window.neverReloaded")
    fits(phone)

    # The menu unfolds under a finger and leads on; what was sent is read without scrolling sideways.
    phone.locator("#menu-open").tap()
    entry = phone.locator("#side-menu").get_by_role("link", name=say("Publications"), exact=True)
    assert_big_enough(entry)
    entry.tap()
    expect(phone).to_have_url(re.compile("/publications/$"))
    fits(phone)
    phone.goto("/deliveries/")
    phone.locator("main").get_by_role("link", name=re.compile("Preços Horários")).first.tap()
    expect(phone.locator("main")).to_contain_text(say("What we sent"))
    fits(phone)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_main_controls_are_as_high_as_a_finger(language: str, phone: Page, owner: Person) -> None:
    speak(owner, language)
    delivery = make_delivery(webhook=make_webhook(participant=owner.participant))
    make_attempt(delivery)
    sign_in_by_hand(phone, owner)
    webhooks = "/settings/integration/webhooks/"
    for path in (
        "/",
        webhooks,
        f"{webhooks}new/",
        f"{webhooks}{delivery.webhook.uuid}/",
        f"/deliveries/{delivery.uuid}/",
    ):
        phone.goto(path)
        for button in phone.locator("main .btn:not(.btn-row):visible").all():
            assert_big_enough(button)
