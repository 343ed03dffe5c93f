"""A business analyst with the viewer's role, who has never seen JSON: what went wrong, whose side it is, which products
concern us, and the file of one of them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import find_violations
from tests.browser.gallery.story import tell_story
from tests.browser.journeys.walking import sign_in_by_hand, speak
from tests.people import Person
from webhooks.diagnosis import DIAGNOSES

# A whole way, on a machine that does much else.
pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_what_went_wrong_in_words_and_no_button_that_changes_anything(
    language: str, page: Page, owner: Person, viewer: Person
) -> None:
    say = speak(viewer, language)
    story = tell_story(owner)
    sign_in_by_hand(page, viewer)

    # Whose turn it is stands first: not theirs.
    next_action = page.locator(".next-action")
    expect(next_action).to_contain_text(say("Next step · with a colleague"))
    expect(next_action).to_contain_text(say("Somebody with the technical role"))
    assert find_violations(page) == []

    # A failure, in three answers.
    product = story.products["PRECOS-HORARIOS"].name
    page.locator("main li", has_text=product).get_by_role("link").first.click()
    main = page.locator("main")
    for title in ("What happened", "Probable cause", "What to do"):
        expect(main.get_by_text(say(title)).first).to_be_visible()
    expect(main).to_contain_text(say("Participant's side"))
    expect(main).to_contain_text(say("Headers are shown to technical users and administrators."))
    expect(main.locator("form button")).to_have_count(0)
    assert find_violations(page) == []

    # The list of webhooks has no way to change one either; its details say the same reason.
    page.goto("/settings/integration/webhooks/")
    expect(main.get_by_role("link", name=say("New webhook"))).to_have_count(0)
    page.locator(".segmented").get_by_role("link", name=say("With a problem")).click()
    expect(main.locator(".webhook-rows > li")).to_have_count(2)
    main.get_by_role("link", name=story.webhooks["failing"].description).first.click()
    expect(main).to_contain_text(_title_of("unauthorized_oauth2", say))
    expect(main.locator("form button")).to_have_count(0)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_which_products_concern_us_and_the_file_of_one(
    language: str, page: Page, owner: Person, viewer: Person
) -> None:
    say = speak(viewer, language)
    story = tell_story(owner)
    sign_in_by_hand(page, viewer)
    page.get_by_role("link", name=say("Publications"), exact=True).click()

    # Narrowed to what failed, unfolded without a reload: which of our webhooks was told.
    page.locator(".segmented").get_by_role("link", name=say("With failures")).click()
    table = page.locator("#publications")
    product = story.products["RESTRICOES-DIA"]
    page.evaluate("window.neverReloaded = true")
    table.get_by_role("link", name=say("Versions of %(name)s", name=product.name)).click()
    panel = table.locator(".publications-panel")
    expect(panel).to_contain_text(story.webhooks["stopped"].description)
    expect(panel).to_contain_text(say("Failed"))
    assert page.evaluate("window.neverReloaded")
    assert find_violations(page) == []

    # Groups fold; a search that finds nothing says so, and leads back.
    page.locator("#fold").click()
    expect(table.locator("tr[id^=product-]")).to_have_count(0)
    page.locator("input[name=q]").fill("zzz")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(say("No product matches"))
    page.get_by_role("link", name=say("Show all")).click()

    # The file is the one that was published.
    with page.expect_download() as waiting:
        table.locator(f"#product-{product.uuid}").get_by_role("link").nth(1).click()
    newest = product.publications.newest_first().first()
    assert waiting.value.suggested_filename == newest.file_name
    with newest.file.open() as stored:
        assert waiting.value.path().read_bytes() == stored.read()


def _title_of(code: str, say: Callable[..., str]) -> str:
    return say(str(DIAGNOSES[code].title))
