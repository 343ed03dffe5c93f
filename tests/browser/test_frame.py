"""The frame around every page, in a real browser: policy, themes, languages, phone, keyboard."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import find_violations
from tests.browser.watch import Watch
from tests.factories import make_publication, make_webhook
from tests.people import Person

SignIn = Callable[[Person], None]
OWN_PAGES = ("/", "/profile/", "/settings/", "/settings/integration/", "/accounts/password/change/")
DARK_TEXT, LIGHT_TEXT = "rgb(24, 34, 48)", "rgb(228, 234, 242)"


def body_color(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).color")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_own_pages_break_no_rule_of_accessibility(theme: Any, page: Page, sign_in: SignIn, owner: Person) -> None:
    make_publication()
    make_webhook(participant=owner.participant)
    sign_in(owner)
    page.emulate_media(color_scheme=theme)

    for path in OWN_PAGES:
        page.goto(path)
        assert find_violations(page) == [], path


def test_signed_out_pages_break_no_rule_of_accessibility(page: Page, watch: Watch) -> None:
    watch.expect_status(403)
    watch.expect_status(404)

    for path in ("/accounts/login/", "/accounts/password/reset/", "/accounts/signup/", "/nothing-here"):
        page.goto(path)
        assert find_violations(page) == [], path


def test_sign_in_leads_home_and_out_again(page: Page, owner: Person) -> None:
    page.goto("/")
    page.locator("input[name=login]").fill(owner.user.email)
    page.locator("input[name=password]").fill("a-good-long-password")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Owner")
    page.locator("summary", has_text="Owner").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_wrong_password_is_told_in_a_summary_that_has_the_focus(page: Page, owner: Person) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(owner.user.email)
    page.locator("input[name=password]").fill("a wrong one")
    page.get_by_role("button", name="Sign in").click()

    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator("input[name=login]")).to_have_value(owner.user.email)


def test_system_theme_follows_the_system_without_a_script(chromium: Browser, live_server: Any) -> None:
    colors = []
    for scheme in ("light", "dark"):
        context = chromium.new_context(base_url=live_server.url, color_scheme=scheme, java_script_enabled=False)
        page = context.new_page()
        page.goto("/accounts/login/")
        heading = page.locator("h1")
        colors.append(heading.evaluate("element => getComputedStyle(element).color"))
        context.close()

    assert colors == [DARK_TEXT, LIGHT_TEXT]


def test_chosen_theme_beats_the_system_and_stays(page: Page, sign_in: SignIn, owner: Person) -> None:
    sign_in(owner)
    page.emulate_media(color_scheme="light")
    page.goto("/")
    assert body_color(page) == DARK_TEXT

    page.locator("summary[title=Theme]").click()
    page.get_by_role("button", name="Dark").click()

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto("/profile/")
    assert body_color(page) == LIGHT_TEXT


def test_language_changes_on_the_same_page(page: Page, sign_in: SignIn, owner: Person) -> None:
    sign_in(owner)
    page.goto("/settings/")

    page.locator("summary[title=Language]").click()
    page.get_by_role("button", name="Português").click()

    expect(page).to_have_url(re.compile("/settings/$"))
    expect(page.locator("html")).to_have_attribute("lang", "pt-br")


def test_menu_opens_and_closes_by_keyboard_alone(page: Page, sign_in: SignIn, owner: Person) -> None:
    sign_in(owner)
    page.goto("/")
    menu = page.locator("details.drop-person")

    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="My profile")).to_be_focused()
    page.keyboard.press("Escape")

    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_first_tab_offers_to_skip_to_the_content(page: Page, sign_in: SignIn, owner: Person) -> None:
    sign_in(owner)
    page.goto("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#content")).to_be_focused()


def test_nothing_is_wider_than_a_small_phone(page: Page, sign_in: SignIn, owner: Person) -> None:
    make_publication()
    make_webhook(participant=owner.participant, description="A webhook with quite a long description for a phone")
    sign_in(owner)
    page.set_viewport_size({"width": 360, "height": 740})

    for path in OWN_PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path


def test_menu_unfolds_on_a_phone(page: Page, sign_in: SignIn, owner: Person) -> None:
    sign_in(owner)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    publications = page.get_by_role("link", name="Publications", exact=True)
    expect(publications).to_be_hidden()

    page.get_by_label("Menu", exact=True).check()

    expect(publications).to_be_visible()
