"""What the portal answers to the pages of lower floors."""

from collections.abc import Iterator

import pytest
from django.utils import timezone, translation

from access import slots
from dispatch.models import Lane, ProductStatus
from dispatch.pages.states import failure_text
from tests.factories import make_delivery, make_event, make_product, make_publication, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def test_block_tells_its_effect_before_it_happens(owner: Person, outsider: Person) -> None:
    make_delivery(webhook=make_webhook(participant=owner.participant))
    make_webhook(participant=owner.participant, active=False)
    make_delivery(webhook=make_webhook(participant=outsider.participant))

    words = slots.call("participants_block_effect", None, participants=[owner.participant])

    assert words == "1 active webhook receives nothing any more. 1 waiting notification is held."


def test_unblock_tells_what_waits_for_a_decision(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    make_delivery(webhook=webhook, state="held", reason="participant_blocked", due_at=None)

    words = slots.call("participants_unblock_effect", None, participants=[owner.participant])

    assert words == "1 held notification waits for its participant's decision."


def test_count_beside_webhooks_in_the_menu_is_of_those_with_a_problem(owner: Person, outsider: Person) -> None:
    for person in (owner, outsider):
        webhook = make_webhook(participant=person.participant)
        type(webhook).objects.filter(pk=webhook.pk).update(stopped_at="2026-11-19T12:00Z", stopped_reason="gone")
    make_webhook(participant=owner.participant)

    assert "1 webhook with a problem" in owner.client.get("/profile/").content.decode()


@pytest.mark.parametrize(
    ("choice", "shown"), [("", ["Failed", "Fine", "Other"]), ("subscribed", ["Failed", "Fine"]), ("failed", ["Failed"])]
)
def test_products_are_narrowed_to_those_of_ones_webhooks_and_to_failures(
    owner: Person, outsider: Person, choice: str, shown: list[str]
) -> None:
    products = {name: make_product(name=name) for name in ("Failed", "Fine", "Other")}
    webhook = make_webhook(participant=owner.participant, products=[products["Failed"], products["Fine"]])
    theirs = make_webhook(participant=outsider.participant, products=[products["Other"]])
    for each, name in ((webhook, "Failed"), (theirs, "Other")):
        delivery = make_delivery(webhook=each, event=make_event(publication=make_publication(products[name])))
        ProductStatus.objects.create(
            webhook=each, product=products[name], delivery=delivery, state="failed", changed_at=timezone.now()
        )

    page = owner.client.get("/publications/", {"webhooks": choice}).content.decode()

    assert [name for name in products if f">{name}</a>" in page] == shown
    assert "Subscribed <b>2</b>" in page
    assert "With failures <b>1</b>" in page


def test_webhooks_that_need_their_owner_stand_first_and_alone_when_asked_for(owner: Person) -> None:
    ours = {"participant": owner.participant}
    make_webhook(**ours, description="Anton", active=False)
    make_webhook(**ours, description="Berta")
    failing = make_webhook(**ours, description="Cesar")
    Lane.objects.create(webhook=failing, failures_in_row=1, failing_since=timezone.now())

    page = owner.client.get("/settings/integration/webhooks/").content.decode()
    alone = owner.client.get("/settings/integration/webhooks/", {"state": "problem"}).content.decode()

    places = [page.index(f">{name}</a>") for name in ("Cesar", "Berta", "Anton")]
    assert places == sorted(places)
    assert "With a problem <b>1</b>" in page
    assert (">Cesar</a>" in alone, ">Berta</a>" in alone) == (True, False)


def test_list_says_why_a_webhook_fails_and_how_much_waits_for_it(owner: Person) -> None:
    failing = make_webhook(participant=owner.participant)
    make_webhook(participant=owner.participant)
    retried = make_delivery(webhook=failing, counted_attempts=1)
    ProductStatus.objects.create(
        webhook=failing,
        product=retried.event.publication.product,
        delivery=retried,
        state="waiting",
        failed_attempts=1,
        changed_at=timezone.now(),
    )
    Lane.objects.filter(pk=failing.pk).update(failures_in_row=1)

    page = owner.client.get("/settings/integration/webhooks/").content.decode()

    assert f"<span>{failure_text(None, '')}</span>" in page
    assert (page.count("1 pending"), page.count("nothing pending")) == (1, 1)


def test_pages_of_notifications_stand_below_webhooks_in_the_menu(owner: Person) -> None:
    page = owner.client.get("/deliveries/").content.decode()

    assert 'href="/settings/integration/webhooks/" aria-current="true"' in page
