"""A page that nobody pictures is a page that nobody looks at: the address map is walked, and what is missing fails. The
administration has pictures of its own."""

from django.urls import resolve

from tests.browser.gallery.crowd import crowd_pages, fill
from tests.browser.gallery.pages import asking_pages, empty_pages, signed_out_pages, story_pages
from tests.browser.gallery.story import tell_story
from tests.people import Person
from tests.safety.world import portal_routes

# No page of their own: fragments, files, forms that only post, machines, and steps that another test walks through.
NO_PICTURE = {
    "access:participant-switch",
    "access:preferences-update",
    "access:seeing-end",
    "access:session-end",
    "access:session-end-others",
    "account_reset_password_from_key",
    "catalog:download",
    "catalog:publication-file",
    "connections:run-token-show",
    "dispatch:batch-live",
    "dispatch:batch-stop",
    "dispatch:delivery-live",
    "dispatch:delivery-send",
    "dispatch:delivery-stop",
    "dispatch:held-release",
    "dispatch:product-row",
    "dispatch:product-send",
    "dispatch:webhook-live",
    "mfa_authenticate",
    "mfa_codes_renew",
    "mfa_disable",
    "portal:demo-received",
    "portal:health-delivering",
    "portal:health-live",
    "portal:health-ready",
    "portal:metrics",
    "webhooks:webhook-receiver-file",
    "webhooks:webhook-secret-end",
    "webhooks:webhook-secret-rotate",
    "webhooks:webhook-secret-show",
    "webhooks:webhook-test",
}


def test_every_page_is_pictured_or_named_here(owner: Person) -> None:
    story = tell_story(owner)
    pages = story_pages(story) | asking_pages(story) | empty_pages() | signed_out_pages() | crowd_pages(fill(owner))
    del pages["signed-out-not-found"]
    pictured = {resolve(path.partition("?")[0]).view_name for path in pages.values()}

    assert portal_routes() - NO_PICTURE - pictured == set()
    assert NO_PICTURE & pictured == set()
