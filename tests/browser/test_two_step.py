"""Two-step sign-in as its owner goes through it, and its pages under the rules of every page."""

import re
import time
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from access.mfa import totp
from access.models import Participant
from tests.access.second_factors import PASSWORD, Telephone, set_up
from tests.browser.accessibility import find_violations
from tests.people import Person

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ["/accounts/two-step/", "/accounts/two-step/set-up/", "/accounts/two-step/recovery-codes/"]


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests(live_server: Any) -> None:
    cache.clear()


def give_password(page: Page, user: Any) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(user.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def give_code(page: Page, code: str) -> None:
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def test_whom_it_is_demanded_of_sets_it_up_at_the_first_sign_in_and_uses_it_at_the_second(
    page: Page, owner: Person
) -> None:
    Participant.objects.update(mfa_demanded=True)
    give_password(page, owner.user)
    expect(page.get_by_role("heading", name="Set up two-step sign-in")).to_be_visible()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert page.evaluate("document.querySelector('.two-step-picture').naturalWidth") > 100
    assert find_violations(page) == []
    seed = page.locator(".two-step-key").inner_text().replace(" ", "")
    page.get_by_label("Code in the app").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("This is not the code").first).to_be_visible()
    page.get_by_label("Code in the app").fill(totp.code_at(seed, totp.step_at(time.time())))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator(".two-step-codes li").all_inner_texts()
    assert len(codes) == 10
    assert find_violations(page) == []
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(re.compile(r"/$"))

    page.context.clear_cookies()
    give_password(page, owner.user)
    assert find_violations(page) == []
    give_code(page, codes[0])
    expect(page).to_have_url(re.compile(r"/$"))
    page.goto("/accounts/two-step/")
    expect(page.get_by_text("9 codes are left")).to_be_visible()
    expect(page.get_by_text("Demanded by Vento")).to_be_visible()


@pytest.fixture
def telephone(owner: Person) -> Telephone:
    return set_up(owner.user)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_pages_keep_the_rules_of_every_page(page: Page, telephone: Telephone, theme: Any, width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 740})
    give_password(page, telephone.user)
    assert find_violations(page) == []
    give_code(page, telephone.code())
    expect(page).to_have_url(re.compile(r"/$"))
    for path in [*PAGES, "/accounts/two-step/turn-off/"]:
        page.goto(path)
        assert find_violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


def test_an_officer_takes_a_factor_away(page: Page, officer: Person, telephone: Telephone, sign_in: Any) -> None:
    sign_in(officer)
    page.goto(f"/admin/access/user/{telephone.user.pk}/change/")
    page.get_by_role("link", name="Take the second factor away").click()
    assert find_violations(page) == []
    page.get_by_role("button", name="Take the second factor away").click()
    expect(page.get_by_text("has no second factor any more")).to_be_visible()
    page.context.clear_cookies()
    give_password(page, telephone.user)
    expect(page).to_have_url(re.compile(r"/$"))
