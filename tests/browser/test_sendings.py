"""Enviar Tudo, Reenviar Pendentes, the stop half-way and the decision about what is held, as people press them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from access.actors import Actor
from dispatch.actions import announce
from dispatch.models import Delivery, SendBatch
from tests.browser.accessibility import find_violations
from tests.dispatch.running import dispatchers
from tests.factories import make_product, make_publication, make_webhook
from tests.people import Person
from tests.processes import wait_until
from tests.receiver import Answer, Receiver
from webhooks.actions import stop_webhook

SignIn = Callable[[Person], None]
LIST = "/settings/integration/webhooks/"
BY = Actor.system("test")
# The buttons by the seed's own names, and in English.
WORDS = {
    "pt-br": {"all": "Enviar Tudo", "pending": "Reenviar Pendentes", "edit": "Editar", "details": "Exibir Detalhes"},
    "en": {"all": "Send all", "pending": "Resend pending", "edit": "Edit", "details": "Show details"},
}


@pytest.fixture
def products(db: None) -> list[Any]:
    """Four that are published and one that is not."""
    return [make_product(name=f"Produto {number}") for number in range(5)]


@pytest.fixture
def webhook(owner: Person, receiver: Receiver, products: list[Any], loopback: None) -> Any:
    made = make_webhook(
        participant=owner.participant,
        description="Mesa de operação",
        request_uri=receiver.url("/hook"),
        products=products,
    )
    for product in products[:4]:
        make_publication(product)
    return made


def announce_all(products: list[Any]) -> None:
    for product in products[:4]:
        announce(product.publications.get(), by=BY)


def settle_all() -> None:
    """As if they had been delivered long ago."""
    from django.utils import timezone

    Delivery.objects.open().update(state="delivered", due_at=None, finished_at=timezone.now(), counted_attempts=1)


def speak(person: Person, language: str) -> dict[str, str]:
    person.user.language = language
    person.user.save()
    return WORDS[language]


def details_of(webhook: Any) -> str:
    return f"{LIST}{webhook.uuid}/"


def expect_end(page: Page) -> None:
    expect(page.locator(".batch-bar")).to_have_attribute("aria-valuenow", "100", timeout=20_000)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_send_all_to_a_receiver_that_fails_and_resend_when_it_is_well_again(
    language: str,
    page: Page,
    sign_in: SignIn,
    owner: Person,
    webhook: Any,
    products: list[Any],
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    """ONS-10, ONS-12, ONS-13, ONS-16."""
    words = speak(owner, language)
    sign_in(owner)
    announce_all(products)
    settle_all()
    receiver.answer("/hook", Answer(500))
    page.goto(LIST)
    page.evaluate("window.neverReloaded = true")

    # The preview: four go, one stays; nothing is sent yet, and the focus is on its title.
    opener = page.locator(".webhook-buttons").get_by_text(words["all"])
    opener.click()
    dialog = page.locator("dialog[open]")
    expect(dialog.locator(".batch-rows").first.locator("li")).to_have_count(4)
    expect(dialog.locator(".batch-rows").last.locator("li")).to_have_count(1)
    expect(page.locator("#batch-title")).to_be_focused()
    assert find_violations(page) == []
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    assert not SendBatch.objects.exists()

    # Confirmed, it counts to the end without a reload, and says what went wrong.
    opener.click()
    page.locator("#batch-send").click()
    expect(page.locator("#batch-live")).to_be_visible()
    with dispatchers(tmp_path, 1):
        expect_end(page)
        expect(page.locator(".batch-sent .tone-warn").first).to_be_visible()
        assert find_violations(page) == []
        assert page.evaluate("window.neverReloaded")
        assert len(receiver.requests("/hook")) == 4
        page.locator("#batch-close").click()
        expect(dialog).to_have_count(0)
        expect(opener).to_be_focused()

        # The receiver is well again: what failed is sent, from the details.
        receiver.answer("/hook", Answer(200))
        page.goto(details_of(webhook))
        pending = page.locator("#webhook-actions").get_by_text(words["pending"])
        expect(page.locator("#webhook-actions .btn-count")).to_have_text("4")
        page.evaluate("window.neverReloaded = true")
        pending.click()
        expect(dialog.locator(".batch-rows").first.locator("li")).to_have_count(4)
        page.locator("#batch-send").click()
        expect_end(page)
        expect(page.locator(".batch-sent .tone-ok")).to_have_count(4)
        page.locator("#batch-close").click()
        # Nothing is pending any more, and the page knows it by itself.
        expect(pending).to_have_attribute("aria-disabled", "true", timeout=10_000)
        assert page.evaluate("window.neverReloaded")
    assert len(receiver.requests("/hook")) == 8
    causes = {request.header("gancho-cause") for request in receiver.requests("/hook")}
    assert causes == {"enviar_tudo", "reenviar"}


def test_progress_survives_leaving_the_page_and_is_stopped_half_way(
    page: Page,
    sign_in: SignIn,
    owner: Person,
    webhook: Any,
    products: list[Any],
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    """One a minute: three of the four wait for their turn."""
    words = speak(owner, "pt-br")
    type(webhook).objects.update(rate_limit_count=1, rate_limit_period_seconds=60)
    sign_in(owner)
    announce_all(products)
    settle_all()
    with dispatchers(tmp_path, 1):
        page.goto(details_of(webhook))
        page.locator("#webhook-actions").get_by_text(words["all"]).click()
        page.locator("#batch-send").click()
        expect(page.locator(".batch-bar")).to_have_attribute("aria-valuenow", "25", timeout=20_000)
        page.locator("#batch-close").click()

        # Left, it goes on, and every page leads back.
        strip = page.locator(".batch-strip a")
        for path in (details_of(webhook), LIST, "/"):
            page.goto(path)
            expect(strip).to_contain_text("1")
            assert find_violations(page) == [], path
        strip.click()
        expect(page.locator("dialog[open] .batch-bar")).to_have_attribute("aria-valuenow", "25")

        # Pressing again leads to the same one.
        page.goto(LIST)
        page.locator(".webhook-buttons").get_by_text(words["all"]).click()
        expect(page.locator("dialog[open] #batch-live")).to_be_visible()
        page.locator("#batch-stop").click()
        expect_end(page)
        expect(page.locator(".batch-sent .icon-ban")).to_have_count(3)
        expect(page.locator("#batch-stop")).to_have_count(0)
        page.locator("#batch-close").click()
        expect(strip).to_have_count(0)
    assert len(receiver.requests("/hook")) == 1
    assert SendBatch.objects.count() == 1
    states = sorted(SendBatch.objects.get().deliveries.values_list("state", "reason"))
    assert states == [("cancelled", "stopped_by_user")] * 3 + [("delivered", "")]


def test_without_a_script_the_same_ways_are_pages(
    page: Page, sign_in: SignIn, owner: Person, webhook: Any, products: list[Any], context: Any
) -> None:
    announce_all(products)
    settle_all()
    sign_in(owner)
    # Not by turning scripts off: then nothing could be looked for either. The links are taken from htmx instead.
    page.route(re.compile(r"htmx\.min\.js"), lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(LIST)
    page.get_by_text("Send all").click()
    page.wait_for_url(re.compile("/send-all/$"))
    assert find_violations(page) == []
    page.locator("#batch-send").click()
    page.wait_for_url(re.compile("/batches/"))
    expect(page.locator("h1")).to_contain_text("0")
    page.locator("#batch-stop").click()
    expect(page.locator(".batch-sent .icon-ban")).to_have_count(4)
    assert find_violations(page) == []


@pytest.mark.parametrize(("choice", "sent"), [("latest", 2), ("all", 3), ("none", 0)])
def test_a_stopped_webhook_is_started_again_and_asks_what_becomes_of_what_is_held(
    choice: str,
    sent: int,
    page: Page,
    sign_in: SignIn,
    owner: Person,
    webhook: Any,
    products: list[Any],
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    """Two versions of one product and one of another: the latest of each, all, or none."""
    words = speak(owner, "pt-br")
    sign_in(owner)
    for product in (products[0], products[0], products[1]):
        announce(make_publication(product), by=BY)
    stop_webhook(webhook, reason="gone", by=BY)
    page.goto(details_of(webhook))
    expect(page.locator("#held")).to_contain_text("3")
    expect(page.locator(f"#held-{choice}")).to_have_attribute("aria-disabled", "true")

    page.locator("#webhook-actions").get_by_text(words["edit"]).click()
    page.locator("[name=resume]").check()
    page.locator("#save-button").click()
    page.wait_for_url(re.compile(f"{webhook.uuid}/$"))
    # Asked with numbers, as soon as it may be called again.
    expect(page.locator("#held")).to_contain_text("3")
    expect(page.locator("#held-latest .btn-count")).to_have_text("2")
    expect(page.locator("#held-all .btn-count")).to_have_text("3")
    assert find_violations(page) == []
    with dispatchers(tmp_path, 1):
        page.locator(f"#held-{choice}").click()
        expect(page.locator("#held")).to_have_count(0)
        wait_until(lambda: not Delivery.objects.open().exists(), what="the released ones to be sent")
    assert len(receiver.requests("/hook")) == sent
    assert Delivery.objects.filter(state="cancelled").count() == 3 - sent
