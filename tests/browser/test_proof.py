"""The question for the password amid a form, as a person meets it: nothing typed is lost, the keyboard is in the right
place, and a wrong password is said where it was typed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from access.models import UserSession
from connections.models import KeyPair
from tests.browser.accessibility import find_violations
from tests.certificates import self_signed
from tests.people import Person
from tests.webhooks.pages import url
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a-good-long-password"
SignIn = Callable[[Person], None]


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def test_a_secret_typed_is_still_there_and_is_saved_after_the_password(left_open: Person, page: Page) -> None:
    page.goto(url("webhook-create"))
    page.get_by_label("Description").fill("Daily programme")
    page.get_by_label("Request URI").fill("https://hook.example.com/in")
    page.locator("[name='auth_method']").select_option("secret")
    page.locator("[name='secret-secret']").fill("a-secret-of-some-length")
    page.locator("#save-button").click()
    asked = page.get_by_role("group", name="Confirm that it is you")
    expect(asked).to_be_visible()
    expect(page.locator("#id_again-password")).to_be_focused()
    expect(page.locator("[name='secret-secret']")).to_have_value("a-secret-of-some-length")
    assert find_violations(page) == []
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(asked).to_contain_text("This is not your password.")
    expect(page.locator("#id_again-password")).to_be_focused()
    expect(page.locator("#id_again-password")).to_have_value("")
    assert not Webhook.objects.exists()
    page.keyboard.type(PASSWORD)
    asked.get_by_role("button", name="Confirm and save").click()
    expect(page.get_by_role("heading", name="Signing secret")).to_be_visible()
    assert Webhook.objects.get().auth_method == "secret"
    # The proof holds: the next page that needs one asks nothing.
    page.get_by_role("button", name="Show it once").click()
    expect(page.locator("#signing-secret")).to_contain_text("whsec_")


def test_files_that_were_chosen_are_still_there(left_open: Person, page: Page) -> None:
    pair = self_signed("client.example.com", kind="EC")
    page.goto("/settings/integration/connections/certificates/new/")
    page.get_by_label("Name").fill("Client")
    for label, name, content in (("Certificate", "c.crt", pair.certificate), ("PrivateKey", "c.key", pair.key)):
        file: Any = {"name": name, "mimeType": "application/x-pem-file", "buffer": content.encode()}
        page.get_by_label(label, exact=False).first.set_input_files([file])
    page.locator("#save-button").click()
    expect(page.locator("#id_again-password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Client")).to_be_visible()
    assert KeyPair.objects.count() == 1


@pytest.mark.parametrize("width", [1280, 360])
def test_sessions_are_ended_by_keyboard_and_the_page_has_no_faults(left_open: Person, page: Page, width: int) -> None:
    assert left_open.client.get("/profile/").status_code == 200
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/profile/sessions/")
    assert find_violations(page) == []
    page.get_by_role("button", name=re.compile("^End ")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    assert left_open.client.get("/profile/").status_code == 302
    assert UserSession.objects.filter(ended_at__isnull=True).count() == 1
    page.goto("/accounts/reauthenticate/?next=/profile/")
    assert find_violations(page) == []
