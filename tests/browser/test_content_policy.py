"""Every page that opens at all, of the portal and of the administration, once in Chromium: nothing breaks the content
policy, no script fails, nothing is missing (X-4)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.browser.watch import Watch
from tests.people import Person
from tests.portal.test_routes import read_table
from tests.safety.admin_table import answers
from tests.safety.office import Office
from tests.safety.policies import FILES
from tests.safety.world import World, world  # noqa: F401

SignIn = Callable[[Person], None]
pytestmark = pytest.mark.timeout(300)


def test_watch_sees_what_breaks_the_policy(page: Page, watch: Watch) -> None:
    """Or no walk below would say anything."""
    page.goto("/accounts/login/")
    assert watch.seen == []
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))")
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://elsewhere.test/a.png'}))")
    page.wait_for_timeout(200)
    found = " ".join(watch.seen)
    assert [word for word in ("style-src", "script-src", "img-src") if word not in found] == []
    watch.seen.clear()


def test_pages_of_the_administration_keep_to_the_policy(
    page: Page,
    sign_in: SignIn,
    world: World,  # noqa: F811
) -> None:
    office, opened = Office(world), 0
    sign_in(world.people["officer"])
    for name, path in office.paths().items():
        if answers(name, "GET")["officer"] == "200" and name not in {"catalog_publication_file", "jsi18n"}:
            answer = page.goto(f"{path}?{urlencode(office.form(name))}")
            assert answer is not None
            assert answer.status == 200, path
            opened += 1
    assert opened > 60


@pytest.mark.parametrize("who", ["technical", "anonymous"])
def test_pages_of_the_portal_keep_to_the_policy(
    page: Page,
    sign_in: SignIn,
    watch: Watch,
    world: World,  # noqa: F811
    who: str,
) -> None:
    opened = 0
    person: Any = world.people[who]
    if person:
        sign_in(person)
    for (name, method), expected in read_table().items():
        if method == "GET" and expected[who] == "200" and name not in FILES and not name.startswith("portal:health"):
            if name.endswith("-file"):
                continue
            answer = page.goto(world.url(name))
            assert answer is not None
            assert answer.status == 200, name
            opened += 1
    assert opened > (30 if person else 5)
