"""A picture of every page, in both languages, both themes, at 1280 and 360 pixels: kept in test-artefacts/pictures, to
be looked at by people. On the way each one is held to what a machine can judge: axe, width, content policy."""

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page

from access.reauthentication import SESSION_KEY
from tests.browser.accessibility import find_violations
from tests.browser.gallery.administration import administration_pages, make_busy
from tests.browser.gallery.crowd import crowd_pages, fill
from tests.browser.gallery.pages import asking_pages, empty_pages, signed_out_pages, story_pages
from tests.browser.gallery.story import tell_story
from tests.browser.watch import Watch
from tests.people import Person

SignIn = Callable[[Person], None]
FOLDER = Path(os.environ.get("TEST_PICTURES") or settings.BASE_DIR / "test-artefacts" / "pictures")
WIDTHS = {1280: 900, 360: 740}
# TEST_PICTURES_OF: a part of the names, for somebody who works on one page.
ONLY = os.environ.get("TEST_PICTURES_OF", "")

# Every two values of language, theme and width meet in one of these; TEST_PICTURES_ALL takes all eight.
VARIANTS = [("pt-br", "light", 1280), ("pt-br", "dark", 360), ("en", "dark", 1280), ("en", "light", 360)]
if os.environ.get("TEST_PICTURES_ALL"):
    VARIANTS = list(product(("pt-br", "en"), ("light", "dark"), WIDTHS))
PARTS = 3

# What sticks out at the right when the page can be scrolled there: the innermost elements, at most three.
TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const out = [...document.body.querySelectorAll("*")].filter(one => one.getBoundingClientRect().right > room + 1);
  const inner = out.filter(one => !out.some(other => other !== one && one.contains(other)));
  return inner.slice(0, 3).map(one => one.outerHTML.slice(0, 160));
}"""

in_each_variant = pytest.mark.parametrize(("language", "theme", "width"), VARIANTS)
# Some twenty pages each, and a machine that does much else.
pytestmark = pytest.mark.timeout(180)


def walk(page: Page, pages: dict[str, str], *, language: str, theme: Any, width: int) -> None:
    """Open each page, take its picture, and say what is wrong with all of them at the end."""
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    wrong = []
    for name, path in pages.items():
        if ONLY not in name:
            continue
        page.goto(path)
        assert page.evaluate("document.documentElement.lang") == language, name
        wrong += look(page, f"{name}-{language[:2]}-{theme}-{width}", width)
    assert not wrong, "\n".join(wrong)


def look(page: Page, name: str, width: int) -> list[str]:
    """Take the picture of what is open; return what is wrong with it."""
    wrong = [f"{name}: {violation}" for violation in find_violations(page)]
    wrong += [f"{name}: wider than the window: {place}" for place in page.evaluate(TOO_WIDE)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    take(page, FOLDER / f"{name}.png", width)
    return wrong


def take(page: Page, file: Path, width: int) -> None:
    """The whole page in a window as high as itself: what sticks to the window's edges hides nothing."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height, 12_000)})
    # Hiding the caret would leave style attributes, which the content policy refuses when htmx copies the field.
    page.screenshot(path=file, caret="initial")
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})


def enter(person: Person, sign_in: SignIn, language: str) -> None:
    person.user.name, person.user.language = "Marina Teixeira", language
    person.user.save()
    person.participant.name = "Vento Alto Energia"
    person.participant.save()
    sign_in(person)


@pytest.mark.parametrize("part", range(PARTS))
@in_each_variant
def test_pages_of_a_participant(
    language: str, theme: str, width: int, part: int, page: Page, sign_in: SignIn, owner: Person
) -> None:
    enter(owner, sign_in, language)
    pages = list(story_pages(tell_story(owner)).items())
    walk(page, dict(pages[part::PARTS]), language=language, theme=theme, width=width)


@in_each_variant
def test_pages_before_there_is_anything(
    language: str, theme: str, width: int, page: Page, sign_in: SignIn, owner: Person
) -> None:
    enter(owner, sign_in, language)
    walk(page, empty_pages(), language=language, theme=theme, width=width)


@in_each_variant
def test_pages_that_are_overfull(
    language: str, theme: str, width: int, page: Page, sign_in: SignIn, owner: Person
) -> None:
    enter(owner, sign_in, language)
    walk(page, crowd_pages(fill(owner)), language=language, theme=theme, width=width)


@in_each_variant
def test_pages_of_a_viewer(
    language: str, theme: str, width: int, page: Page, sign_in: SignIn, owner: Person, viewer: Person
) -> None:
    story = tell_story(owner)
    enter(viewer, sign_in, language)
    pages = story_pages(story)
    seen = ["home", "webhooks", "webhook-failing", "webhook-stopped", "notification-retrying", "connections"]
    seen += ["connection-oauth2", "certificates", "certificate-detail"]
    walk(page, {f"viewer-{name}": pages[name] for name in seen}, language=language, theme=theme, width=width)


@in_each_variant
def test_pages_that_ask_once_more_who_is_there(
    language: str, theme: str, width: int, page: Page, sign_in: SignIn, owner: Person
) -> None:
    enter(owner, sign_in, language)
    session = owner.client.session
    session.pop(SESSION_KEY, None)
    session.save()
    walk(page, asking_pages(tell_story(owner)), language=language, theme=theme, width=width)


@in_each_variant
def test_pages_without_a_session(
    language: str, theme: str, width: int, page: Page, watch: Watch, live_server: Any
) -> None:
    watch.expect_status(403)
    watch.expect_status(404)
    page.context.add_cookies([{"name": "language", "value": language, "url": live_server.url}])
    walk(page, signed_out_pages(), language=language, theme=theme, width=width)


@pytest.mark.parametrize("part", range(PARTS))
@in_each_variant
def test_pages_of_the_administration(
    language: str, theme: str, width: int, part: int, page: Page, sign_in: SignIn, owner: Person, officer: Person
) -> None:
    tell_story(owner)
    webhook = make_busy(owner, officer)
    officer.user.name, officer.user.language = "Rafael Couto", language
    officer.user.save()
    sign_in(officer)
    pages = list(administration_pages(officer, webhook).items())
    walk(page, dict(pages[part::PARTS]), language=language, theme=theme, width=width)
