"""A developer under time pressure, who has never seen the portal and reads nothing but its pages: from the sign-in to a
notification that their own receiver has verified."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from standardwebhooks.webhooks import Webhook as Verifier

from access.actors import Actor
from dispatch.actions import announce
from tests.browser.accessibility import find_violations
from tests.browser.journeys.walking import sign_in_by_hand, speak
from tests.dispatch.running import dispatchers
from tests.factories import make_product, make_publication
from tests.people import Person
from tests.receiver import Answer, Connection, Received, Receiver

TOKEN = "token-of-the-receiver-1f2e"

# A whole way, on a machine that does much else.
pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class AsksForTheToken:
    """The receiver lets nobody in who does not bring its token."""

    def give(self, request: Received, connection: Connection) -> None:
        Answer(204 if request.header("Authorization") == TOKEN else 401).give(request, connection)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_from_the_sign_in_to_a_verified_notification(
    language: str, page: Page, owner: Person, receiver: Receiver, loopback: None, tmp_path: Path
) -> None:
    say = speak(owner, language)
    product = make_product(name="Preços Horários")
    announce(make_publication(product, period="2026-11-19"), by=Actor.system("test"))
    receiver.answer("/hook", AsksForTheToken())
    sign_in_by_hand(page, owner)

    # The first thing on the first page is what to do.
    page.locator(".next-action").get_by_role("link", name=say("New webhook")).click()
    page.get_by_label(say("Description")).first.fill("Mesa de operação")
    page.get_by_label("Request URI").fill(receiver.url("/hook"))
    page.get_by_label("Preços Horários").check()

    # The receiver refuses the test, and the page says why and what to do, before anything is saved.
    result = page.locator("#test-result")
    page.locator("#test-button").click()
    expect(result).to_contain_text("401")
    expect(result).to_contain_text(say("What to do"))
    page.locator("[name='auth_method']").select_option("secret")
    page.locator("[name='secret-secret']").fill(TOKEN)
    page.locator("#test-button").click()
    expect(result).to_contain_text(say("Delivered: response %(status)s", status=204))
    assert find_violations(page) == []
    page.locator("#save-button").click()

    # The signing secret is shown once, and goes into the receiver.
    page.get_by_role("button", name=say("Show it once")).click()
    secret = page.locator("#signing-secret").inner_text()
    expect(page.locator("main")).to_contain_text(say("It is shown this one time only."))
    page.get_by_role("link", name=say("Go on to the webhook")).click()

    # Nothing was published since: Enviar sends what there is, and the row tells the end.
    row = page.locator("tr", has_text="Preços Horários")
    with dispatchers(tmp_path, 1):
        row.get_by_role("button").click()
        expect(row).to_contain_text(say("Delivered"), timeout=15_000)
    notification = receiver.requests("/hook")[-1]
    told = Verifier(secret).verify(notification.body, dict(notification.headers))
    assert told["Nome"] == "Preços Horários"
    assert notification.header("Authorization") == TOKEN

    # The delivery's page shows both sides of it, and the token of neither.
    page.locator("#webhook-recent").get_by_role("link", name=re.compile("Preços Horários")).click()
    expect(page.locator("main")).to_contain_text(say("What came back"))
    assert TOKEN not in page.content()
    assert find_violations(page) == []
