"""A press that could not be stored fails in sight (fault 14): the button comes back, words say that nothing changed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from access.actors import Actor
from dispatch.actions import announce
from dispatch.models import Delivery
from tests.browser.accessibility import find_violations
from tests.browser.watch import Watch
from tests.factories import make_product, make_publication, make_webhook
from tests.people import Person


@pytest.mark.django_db(transaction=True)
def test_enviar_that_was_refused_says_so_until_the_next_one_succeeds(
    page: Page, sign_in: Callable[[Person], None], owner: Person, watch: Watch
) -> None:
    product = make_product()
    webhook = make_webhook(participant=owner.participant, products=[product])
    announce(make_publication(product), by=Actor.system("test"))
    Delivery.objects.update(state="cancelled", reason="stopped_by_user", due_at=None, finished_at=webhook.created_at)
    sign_in(owner)
    page.goto(f"/settings/integration/webhooks/{webhook.uuid}/")
    press = page.get_by_role("button", name=f"Send {product.name}")
    said = page.locator("#live")
    watch.expect_status(503)
    page.route("**/send/", lambda route: route.fulfill(status=503, body="<p>not for this page</p>"))
    press.click()
    expect(said).to_have_text("No answer from the server. Nothing was changed, please try again.")
    expect(said).to_have_class("live-region live-failed")
    box = said.bounding_box()
    assert box
    assert box["width"] > 200
    assert find_violations(page) == []
    assert Delivery.objects.count() == 1
    page.unroute("**/send/")
    press.click()
    expect(said).to_have_class("live-region")
    assert Delivery.objects.count() == 2
    # htmx says of its own accord what it met.
    [told] = watch.seen
    assert "503" in told
    watch.seen.clear()
