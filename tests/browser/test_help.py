"""The documentation inside the product in Chromium, and the way from there to a receiver."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.browser.accessibility import find_violations
from tests.factories import make_product, make_publication, make_webhook
from tests.people import Person

SignIn = Callable[[Person], None]


@pytest.fixture
def paths(owner: Person) -> list[str]:
    product = make_product(name="A product whose name is rather longer than most names of products are, by far")
    make_publication(product)
    webhooks = [
        make_webhook(participant=owner.participant, products=[product], max_attempts=15, backoff=backoff)
        for backoff in ("exponential", "fixed")
    ]
    return [
        *(reverse(f"portal:help-{name}") for name in ("home", "receiving", "formats", "retries", "failures")),
        *(reverse("webhooks:webhook-receiver", args=[webhook.uuid]) for webhook in webhooks[:1]),
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_documentation_breaks_no_rule_of_accessibility(
    theme: Any, page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    sign_in(owner)
    page.emulate_media(color_scheme=theme)
    for path in paths:
        page.goto(path)
        # What is folded is read too; of the failures one group, for all are written alike and there are many.
        page.evaluate(
            "document.querySelectorAll('main details:not(.help-group), #portal').forEach((d) => d.open = true)"
        )
        assert find_violations(page) == [], path


def test_nothing_of_it_is_wider_than_a_small_phone(
    page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    sign_in(owner)
    page.set_viewport_size({"width": 360, "height": 740})
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path


def test_the_way_leads_from_the_menu_to_a_receiver_in_ones_own_language(
    page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    sign_in(owner)
    page.goto("/")
    page.get_by_role("link", name="Documentation").first.click()
    page.locator("main a[href$='/receiver/']").first.click()
    page.get_by_role("link", name="Node.js").click()
    expect(page.get_by_role("link", name="Node.js")).to_have_attribute("aria-current", "page")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download receiver.mjs").click()
    assert download.value.suggested_filename == "receiver.mjs"
    text = download.value.path().read_text()
    assert text == page.locator("#receiver-text").text_content()


def test_a_diagnosis_that_is_linked_to_is_unfolded(
    page: Page, sign_in: SignIn, owner: Person, paths: list[str]
) -> None:
    sign_in(owner)
    page.goto(f"{reverse('portal:help-failures')}#tls_expired")
    expect(page.locator("#tls_expired")).to_be_visible()
    expect(page.locator("#connection_refused")).to_be_hidden()
