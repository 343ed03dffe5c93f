"""What the journeys share: the words of a page in the reader's language, signing in by hand, walking by Tab."""

from collections.abc import Callable
from typing import Any

from django.utils import translation
from django.utils.translation import gettext, pgettext
from playwright.sync_api import Locator, Page, expect

from tests.people import Person

PASSWORD = "a-good-long-password"
Say = Callable[..., str]
# What Tab has reached: whether it can be seen there, and what marks it as focused.
FOCUSED = """() => {
  const one = document.activeElement;
  const marked = node => {
    const style = getComputedStyle(node);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  };
  const box = one.getBoundingClientRect();
  const across = box.left + Math.min(box.width / 2, 40), down = box.top + box.height / 2;
  const there = document.elementFromPoint(across, down);
  return {
    name: one.outerHTML.slice(0, 120),
    marked: marked(one) || [...document.querySelectorAll(":has(:focus)")].slice(-3).some(marked),
    covered: there && (one.contains(there) || there.contains(one) || one.parentElement.contains(there))
      ? "" : `by ${there?.outerHTML.slice(0, 80)} at ${Math.round(down)} of ${window.innerHeight}`,
  };
}"""


def speak(person: Person, language: str) -> Say:
    """Give the person this language; return a function from an English word of the pages to theirs."""
    person.user.language = language
    person.user.save()

    def say(word: str, context: str = "", **values: Any) -> str:
        with translation.override(language):
            found = pgettext(context, word) if context else gettext(word)
        return found % values if values else found

    return say


def sign_in_by_hand(page: Page, person: Person) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(person.user.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button.btn-primary").click()
    expect(page.locator("main h1")).to_be_visible()


def tab_to(page: Page, target: Locator, *, most: int = 80) -> None:
    """Press Tab until `target` has the focus. Every stop on the way must show it, and hide behind nothing."""
    expect(target).to_be_visible()
    for _press in range(most):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found["covered"]:
            # The window may still be on its way there.
            page.wait_for_timeout(300)
            found = page.evaluate(FOCUSED)
        assert found["marked"], f"nothing shows the focus on {found['name']}"
        assert not found["covered"], f"{found['name']} has the focus and is hidden {found['covered']}"
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{most} times Tab do not lead to {target}")
