"""Pictures of the question for the password or the code amid a form, before a credential is made or shown."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.access.second_factors import set_up
from tests.browser.gallery.story import tell_story
from tests.browser.gallery.test_pictures import WIDTHS, in_each_variant, look
from tests.certificates import self_signed
from tests.people import Person
from tests.webhooks.pages import url

SignIn = Callable[[Person], None]
pytestmark = pytest.mark.timeout(180)


@in_each_variant
def test_question_amid_a_form(language: str, theme: Any, width: int, page: Page, left_open: Person) -> None:
    left_open.user.language = language
    left_open.user.save()
    story = tell_story(left_open)
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    variant = f"{language[:2]}-{theme}-{width}"

    fill_webhook(page)
    page.locator("#save-button").click()
    wrong = look_at_question(page, f"proof-webhook-{variant}", width)
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.locator("[data-proof] .field-errors").wait_for()
    wrong += look_at_question(page, f"proof-refused-{variant}", width)
    page.goto(url("webhook-secret", story.webhooks["healthy"]))
    page.locator("main form button").first.click()
    wrong += look_at_question(page, f"proof-secret-{variant}", width)
    send_certificate(page)
    wrong += look_at_question(page, f"proof-certificate-{variant}", width)
    assert not wrong, "\n".join(wrong)


@in_each_variant
def test_question_for_the_code(
    language: str, theme: Any, width: int, page: Page, owner: Person, request: pytest.FixtureRequest
) -> None:
    owner.user.language = language
    owner.user.save()
    set_up(owner.user)
    request.getfixturevalue("left_open")
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    fill_webhook(page)
    page.locator("#save-button").click()
    assert look_at_question(page, f"proof-code-{language[:2]}-{theme}-{width}", width) == []


def look_at_question(page: Page, name: str, width: int) -> list[str]:
    page.locator("[data-proof]").first.wait_for()
    return look(page, name, width)


def fill_webhook(page: Page) -> None:
    page.goto(url("webhook-create"))
    page.locator("[name='description']").fill("Programação diária")
    page.locator("[name='request_uri']").fill("https://integra.ventoalto.example/programacao")
    page.locator("[name='auth_method']").select_option("secret")
    page.locator("[name='secret-secret']").fill("a-secret-of-some-length")


def send_certificate(page: Page) -> None:
    pair = self_signed("client.example.com", kind="EC")
    page.goto("/settings/integration/connections/certificates/new/")
    page.locator("[name='name']").fill("Certificado da API")
    for place, (name, content) in enumerate((("c.crt", pair.certificate), ("c.key", pair.key))):
        file: Any = {"name": name, "mimeType": "application/x-pem-file", "buffer": content.encode()}
        page.locator("input[type='file']").nth(place).set_input_files([file])
    page.locator("#save-button").click()
