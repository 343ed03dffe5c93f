"""The home page and what it is decided from: the next action, failures, publications, who was told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from dispatch.models import Delivery, Lane, ProductStatus, State
from dispatch.pages.health import Health
from dispatch.pages.states import StateView
from portal.home import Home
from portal.next_action import COLLEAGUE, NOBODY, OPERATOR, YOU, decide_next_action
from portal.told import lines_of, summarise
from tests.factories import (
    make_attempt,
    make_delivery,
    make_event,
    make_product,
    make_publication,
    make_webhook,
)
from tests.people import Person
from webhooks.actions import stop_webhook
from webhooks.diagnosis import DIAGNOSES
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

HEALTHY = StateView("ok", "circle-check", "Healthy")
FAILING = StateView("bad", "circle-x", "Failing: 401", "Refused")


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@dataclass
class Row:
    webhook: Webhook
    health: Health
    products: int = 1


def failed(webhook: Webhook, event: Any) -> Any:
    """A delivery that ended in failure, with the product's status as dispatch keeps it."""
    now = timezone.now()
    delivery = make_delivery(webhook=webhook, event=event, last_diagnosis="bad_request", last_attempt_at=now)
    Delivery.objects.filter(pk=delivery.pk).update(**_columns(State.FAILED))
    ProductStatus.objects.create(
        webhook=webhook,
        product=event.publication.product,
        delivery=delivery,
        state=State.FAILED,
        failed_attempts=1,
        changed_at=now,
    )
    return delivery


# --- the next action --------------------------------------------------------------------------------------------


def test_without_a_webhook_the_next_step_is_the_first_one(owner: Person) -> None:
    action = decide_next_action([], owner.actor)

    assert (action.owner, action.url) == (YOU, reverse("webhooks:webhook-create"))


def test_viewer_is_told_that_a_colleague_has_to_act(viewer: Person) -> None:
    action = decide_next_action([], viewer.actor)

    assert (action.owner, action.url) == (COLLEAGUE, reverse("webhooks:webhook-list"))


def test_failing_webhook_comes_before_everything_else(owner: Person) -> None:
    good, bad = (make_webhook(participant=owner.participant, description=name) for name in ("good", "bad"))
    since = timezone.now() - timedelta(hours=3)
    problem = Health(FAILING, problem=True, diagnosis=DIAGNOSES["gone"], since=since)

    action = decide_next_action([Row(good, Health(HEALTHY), products=0), Row(bad, problem)], owner.actor)

    assert action.title == "Fix bad, which is failing"
    assert action.url == reverse("dispatch:webhook-detail", args=[bad.uuid])
    assert (action.owner, action.since) == (YOU, since)
    assert action.text == DIAGNOSES["gone"].happened, "what to do is behind the button"


def test_fault_on_the_operators_side_is_the_operators_turn(owner: Person) -> None:
    code = next(code for code, diagnosis in DIAGNOSES.items() if diagnosis.side == "operator")
    problem = Health(FAILING, problem=True, diagnosis=DIAGNOSES[code])

    action = decide_next_action([Row(make_webhook(participant=owner.participant), problem)], owner.actor)

    assert action.owner == OPERATOR


def test_paused_webhook_is_the_operators_turn_and_behind_what_its_owner_can_mend(owner: Person) -> None:
    paused, bad = (make_webhook(participant=owner.participant, description=name) for name in ("a", "b"))
    stop_webhook(paused, reason="paused", by=owner.actor)
    paused.refresh_from_db()
    waits = Row(paused, Health(StateView("warn", "player-pause", "Paused by operations"), problem=True))

    assert decide_next_action([waits], owner.actor).owner == OPERATOR
    both = decide_next_action([waits, Row(bad, Health(FAILING, problem=True))], owner.actor)
    assert (both.owner, both.title) == (YOU, "Fix b, which is failing")
    assert both.text.endswith("And 1 more webhook has a problem.")


@pytest.mark.parametrize(
    ("state", "products", "active", "title"),
    [
        (HEALTHY, 0, True, "Choose the products of it"),
        (StateView("idle", "hourglass", "Waiting for the first"), 1, True, "Try out it"),
        (StateView("idle", "player-pause", "Inactive"), 1, False, "All your webhooks are inactive"),
    ],
)
def test_steps_before_the_first_delivery(
    owner: Person, state: StateView, products: int, active: bool, title: str
) -> None:
    webhook = make_webhook(participant=owner.participant, description="it", active=active)

    with translation.override("en"):
        action = decide_next_action([Row(webhook, Health(state), products)], owner.actor)

    assert (action.title, action.owner) == (title, YOU)


def test_nothing_to_do_when_all_is_well(owner: Person) -> None:
    action = decide_next_action([Row(make_webhook(participant=owner.participant), Health(HEALTHY))], owner.actor)

    assert action.owner == NOBODY


# --- the page ---------------------------------------------------------------------------------------------------


def test_home_shows_webhooks_failures_and_publications(owner: Person) -> None:
    publication = make_publication(make_product(name="Hourly Prices"))
    webhook = make_webhook(participant=owner.participant, description="Prices", products=[publication.product])
    Lane.objects.update_or_create(webhook=webhook, defaults={"failures_in_row": 1, "failing_since": timezone.now()})
    failed(webhook, make_event(publication=publication))

    text = owner.client.get("/").content.decode()

    assert "Fix Prices, which is failing" in text
    assert "Hourly Prices" in text
    assert "0 of 1, failed" in text


def test_home_tells_how_long_receivers_took_for_what_was_delivered(owner: Person, outsider: Person) -> None:
    for person, milliseconds in ((owner, 400), (owner, 900), (owner, 500), (outsider, 7_000)):
        delivery = make_delivery(webhook=make_webhook(participant=person.participant))
        make_attempt(delivery, duration_ms=9_000)
        make_attempt(delivery, succeeded=True, duration_ms=milliseconds)
        delivered = {"state": "delivered", "due_at": None, "finished_at": timezone.now(), "attempts_made": 2}
        type(delivery).objects.filter(pk=delivery.pk).update(**delivered)
        values = {"product": delivery.event.publication.product, "delivery": delivery, "changed_at": timezone.now()}
        ProductStatus.objects.create(webhook=delivery.webhook, state="delivered", **values)

    assert "<b>0.50 s</b><span>median answer</span>" in owner.client.get("/").content.decode()


def test_home_of_another_participant_shows_nothing_of_it(owner: Person, outsider: Person) -> None:
    webhook = make_webhook(participant=owner.participant, description="Secret plan")
    publication = make_publication(make_product(granted_to=[owner.participant], name="Only for Vento"))
    failed(webhook, make_event(publication=publication))

    text = outsider.client.get("/").content.decode()

    assert "Secret plan" not in text
    assert "Only for Vento" not in text


def test_home_asks_the_database_the_same_for_any_number_of_webhooks(
    owner: Person, django_assert_max_num_queries: Any
) -> None:
    event = make_event()
    for _ in range(12):
        failed(make_webhook(participant=owner.participant, products=[event.publication.product]), event)
    assert owner.client.get("/").status_code == 200

    with django_assert_max_num_queries(20):
        owner.client.get("/")


def test_webhooks_with_a_problem_stand_first(owner: Person) -> None:
    make_webhook(participant=owner.participant, description="a healthy one")
    bad = make_webhook(participant=owner.participant, description="z failing")
    Lane.objects.update_or_create(webhook=bad, defaults={"failures_in_row": 3, "failing_since": timezone.now()})

    assert [row.webhook.description for row in Home(owner.actor).webhooks] == ["z failing", "a healthy one"]


@pytest.mark.parametrize("path", ["/", "/settings/", "/settings/integration/", "/profile/"])
def test_own_pages_lead_the_signed_out_to_the_login(client: Any, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")


@pytest.mark.parametrize("path", ["/", "/settings/", "/settings/integration/", "/profile/"])
def test_own_pages_refuse_to_be_posted_to(owner: Person, path: str) -> None:
    assert owner.client.post(path).status_code == 405


# --- who was told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([], "0 of 2, not sent yet"),
        ([State.DELIVERED, State.DELIVERED], "2 of 2 told"),
        ([State.DELIVERED, State.WAITING], "1 of 2, being sent"),
        ([State.DELIVERED, State.FAILED], "1 of 2, failed"),
        ([State.HELD], "0 of 2, held"),
        ([State.CANCELLED, State.DELIVERED], "1 of 2, not sent yet"),
    ],
)
def test_words_for_a_publication_count_the_webhooks_that_want_it(owner: Person, states: list[str], words: str) -> None:
    publication = make_publication()
    webhooks = [make_webhook(participant=owner.participant, products=[publication.product]) for _ in range(2)]
    event = make_event(publication=publication)
    for webhook, state in zip(webhooks, states, strict=False):
        make_delivery(webhook=webhook, event=event, **_columns(state))

    summary = summarise([publication.product_id], [publication], [webhook.pk for webhook in webhooks])

    assert summary.describe(publication.product_id, publication).word == words


def _columns(state: str) -> dict[str, Any]:
    now = timezone.now()
    ends = {"due_at": None, "finished_at": now}
    columns: dict[State, dict[str, Any]] = {
        State.WAITING: {},
        State.DELIVERED: {"state": state, **ends},
        State.FAILED: {"state": state, "reason": "exhausted", **ends},
        State.CANCELLED: {"state": state, "reason": "superseded", **ends},
        State.HELD: {"state": state, "reason": "webhook_stopped", "due_at": None},
    }
    return columns[State(state)]


def test_nobody_subscribed_and_waiting_for_the_first(owner: Person) -> None:
    product = make_product()
    webhook = make_webhook(participant=owner.participant, products=[product])
    other = make_publication()

    summary = summarise([product.pk, other.product_id], [other], [webhook.pk])

    assert summary.describe(product.pk, None).word == "Waiting for the first"
    assert summary.describe(other.product_id, other).word == "None subscribed"


def test_lines_of_a_publication_name_inactive_webhooks_too(owner: Person) -> None:
    publication = make_publication()
    told, silent = (
        make_webhook(participant=owner.participant, products=[publication.product], active=active)
        for active in (True, False)
    )
    make_delivery(webhook=told, event=make_event(publication=publication), **_columns(State.DELIVERED))

    lines = lines_of(publication, [told, silent])

    assert [line.state.word for line in lines] == ["Delivered", "Inactive, not told"]


def test_publication_list_tells_only_of_ones_own_webhooks(owner: Person, outsider: Person) -> None:
    publication = make_publication()
    make_webhook(participant=owner.participant, products=[publication.product])

    assert "0 of 1, not sent yet" in owner.client.get("/publications/").content.decode()
    assert "None subscribed" in outsider.client.get("/publications/").content.decode()


def test_home_shows_the_first_ten_webhooks_and_leads_to_the_rest(owner: Person) -> None:
    for number in range(11):
        make_webhook(participant=owner.participant, description=f"hook {number:02}")
    page = owner.client.get("/").content.decode()
    assert page.count('14 days"') + page.count('14 dias"') == 10
    assert "All 11 webhooks" in page or "Todos os 11 webhooks" in page
