"""The list of webhooks (UNICO-8, UNICO-9, ONS-5, ONS-7, ONS-14): who sees what, in how many queries."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import make_product, make_webhook
from tests.people import Person
from tests.webhooks.pages import text, url
from webhooks.actions import archive_webhook

SECRET_QUERY = "https://hook.example.com/in?token=QUERYSECRET"


@pytest.mark.parametrize("name", ["webhook-list", "profile-webhook-list"])
def test_unico_08_ons_05_both_ways_lead_to_the_participants_webhooks(
    owner: Person, outsider: Person, name: str
) -> None:
    make_webhook(participant=owner.participant, description="Mesa de operação")
    make_webhook(participant=outsider.participant, description="Alheio")
    page = text(owner.client.get(url(name)))
    assert "Mesa de operação" in page
    assert "Alheio" not in page


def test_ons_06_the_button_is_called_new_in_the_profile_and_new_webhook_in_settings(owner: Person) -> None:
    make_webhook(participant=owner.participant)
    assert "New webhook</a>" in text(owner.client.get(url("webhook-list")))
    assert "New</a>" in text(owner.client.get(url("profile-webhook-list")))


def test_unico_09_the_name_and_edit_lead_to_the_form(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant)
    assert text(owner.client.get(url("webhook-list"))).count(f'href="{url("webhook-edit", webhook)}"') == 2


def test_a_viewer_sees_the_list_without_ways_to_change_it_and_without_query_values(
    owner: Person, viewer: Person
) -> None:
    webhook = make_webhook(participant=owner.participant, request_uri=SECRET_QUERY)
    page = text(viewer.client.get(url("webhook-list")))
    assert "https://hook.example.com/in?token=" in page
    assert "QUERYSECRET" not in page
    assert url("webhook-edit", webhook) not in page
    assert url("webhook-create") not in page


def test_query_values_are_masked_for_everybody_and_no_search_finds_them(owner: Person) -> None:
    make_webhook(participant=owner.participant, description="Mesa", request_uri=SECRET_QUERY)
    assert "QUERYSECRET" not in text(owner.client.get(url("webhook-list")))
    found = text(owner.client.get(url("webhook-list"), {"q": "querysec"}))
    assert "Mesa" not in found
    assert "No webhook matches" in found


@pytest.mark.parametrize(
    ("words", "found"), [("mesa", True), ("hook.example", True), ("mesa hook", True), ("nowhere", False)]
)
def test_search_by_description_and_address(owner: Person, words: str, found: bool) -> None:
    make_webhook(participant=owner.participant, description="Mesa", request_uri="https://hook.example.com/in")
    page = text(owner.client.get(url("webhook-list"), {"q": words}))
    assert ("Mesa</a>" in page) is found


def test_a_search_is_counted_and_has_a_way_out(owner: Person) -> None:
    make_webhook(participant=owner.participant, description="Mesa")
    make_webhook(participant=owner.participant, description="Preços")
    assert "All <b>1</b>" in text(owner.client.get(url("webhook-list"), {"q": "mesa"}))
    nothing = text(owner.client.get(url("webhook-list"), {"q": "nowhere"}))
    assert ("All <b>0</b>" in nothing, "Try fewer words." in nothing) == (True, True)
    assert f'href="{url("webhook-list")}">Show all webhooks</a>' in nothing


def test_filter_by_state_with_counts(owner: Person) -> None:
    make_webhook(participant=owner.participant, description="Um")
    make_webhook(participant=owner.participant, description="Dois", active=False)
    make_webhook(participant=owner.participant, description="Três", stopped_at=timezone.now(), stopped_reason="gone")
    page = text(owner.client.get(url("webhook-list"), {"state": "inactive"}))
    assert ("Dois</a>" in page, "Um</a>" in page, "Três</a>" in page) == (True, False, False)
    assert "All <b>3</b>" in page
    assert "With a problem <b>1</b>" in page


def test_archived_ones_are_gone_from_the_list(owner: Person) -> None:
    archive_webhook(make_webhook(participant=owner.participant, description="Antigo"), by=owner.actor)
    page = text(owner.client.get(url("webhook-list")))
    assert "Antigo" not in page
    assert "No webhooks yet" in page


def test_the_empty_list_explains_itself_and_offers_the_first(owner: Person, viewer: Person) -> None:
    assert "Create the first webhook" in text(owner.client.get(url("webhook-list")))
    assert "Create the first webhook" not in text(viewer.client.get(url("webhook-list")))


@pytest.mark.parametrize("parameters", [{"state": "nonsense"}, {"page": "-3"}, {"page": "x"}, {"q": "\0%_'\""}])
def test_nonsense_in_the_address_is_no_error(owner: Person, parameters: dict[str, str]) -> None:
    make_webhook(participant=owner.participant)
    assert owner.client.get(url("webhook-list"), parameters).status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_list(owner: Person, django_assert_max_num_queries: Any) -> None:
    products = [make_product() for _ in range(3)]
    for _ in range(3):
        make_webhook(participant=owner.participant, products=products)
    # Signing in asks for itself.
    owner.client.get(url("webhook-list"))
    with django_assert_max_num_queries(14) as few:
        owner.client.get(url("webhook-list"))
    for _ in range(7):
        make_webhook(participant=owner.participant, products=products)
    with django_assert_max_num_queries(len(few.captured_queries)):
        owner.client.get(url("webhook-list"))


def test_anonymous_is_sent_to_the_login_page(db: None) -> None:
    assert Client().get(url("webhook-list")).url.startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["webhook-list", "profile-webhook-list"])
def test_a_list_takes_no_post(owner: Person, name: str) -> None:
    assert owner.client.post(url(name)).status_code == 405
