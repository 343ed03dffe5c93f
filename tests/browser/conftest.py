"""A person in Chromium against the portal in this process. A content policy violation or an error in the console of any
page fails its test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.quiet import QUIET
from tests.browser.watch import Watch
from tests.people import Person
from tests.services import miss, provide_chromium

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("TEST_CHROMIUM") or provide_chromium()
    if not path:
        miss("Chromium")
    # Playwright keeps an event loop in this thread, in which Django would refuse every query.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def context(chromium: Browser, live_server: Any) -> Iterator[BrowserContext]:
    """A fresh browser, English, 1280 wide. Addresses may be given without the host."""
    context = chromium.new_context(base_url=live_server.url, locale="en-GB", viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def watch(context: BrowserContext) -> Iterator[Watch]:
    """What went wrong in any page of the test. A page that is meant to answer 403 or 404 says so by `expect_status`."""
    watch = Watch()
    context.on("page", watch.follow)
    yield watch
    watch.check()


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    page = context.new_page()
    page.set_default_timeout(10_000)
    return page


@pytest.fixture
def sign_in(context: BrowserContext, live_server: Any) -> Callable[[Person], None]:
    """Put a person's session into the browser, without the login page."""

    def enter(person: Person) -> None:
        cookie = person.client.cookies["session"]
        context.add_cookies([{"name": "session", "value": cookie.value, "url": live_server.url}])

    return enter


@pytest.fixture
def left_open(owner: Person, context: Any, live_server: Any) -> Person:
    """The owner's browser, in which nobody has typed the password lately."""
    cookie = owner.stale_client.cookies["session"]
    context.add_cookies([{"name": "session", "value": cookie.value, "url": live_server.url}])
    return owner
