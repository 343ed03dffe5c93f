"""The list of participants tells who has webhooks in trouble, without opening a row."""

import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from dispatch.models import Lane
from tests.factories import make_participant, make_webhook
from tests.people import Person
from tests.webhooks.pages import text
from webhooks.actions import archive_webhook, stop_webhook

pytestmark = pytest.mark.django_db
LIST = "admin:access_participant_changelist"


@pytest.fixture
def rows(officer: Person) -> dict[str, Any]:
    """Alfa: one stopped, one failing, one well, one archived. Beta: one well. Gama: none."""
    people = {name: make_participant(name=name) for name in ("Alfa", "Beta", "Gama")}
    stopped, failing, _well, gone = (make_webhook(participant=people["Alfa"]) for _ in range(4))
    stop_webhook(stopped, reason="gone", by=officer.actor)
    Lane.objects.create(webhook=failing, failures_in_row=1, failing_since=timezone.now())
    archive_webhook(gone, by=officer.actor)
    make_webhook(participant=people["Beta"])
    return people


def row_of(page: str, name: str) -> str:
    [row] = [row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f">{name}<" in row]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))


def test_webhooks_and_those_in_trouble_are_counted(officer: Person, rows: dict[str, Any]) -> None:
    page = text(officer.client.get(reverse(LIST)))
    assert " 3 " in row_of(page, "Alfa")
    assert "2 webhooks" in row_of(page, "Alfa")
    assert " 1 " in row_of(page, "Beta")
    assert "webhook" not in row_of(page, "Beta")
    assert f"?participant={rows['Alfa'].pk}" in page


@pytest.mark.parametrize(
    ("query", "names"), [("trouble", {"Alfa"}), ("none", {"Gama"}), ("x", {"Alfa", "Beta", "Gama"})]
)
def test_list_is_narrowed_to_trouble(officer: Person, rows: dict[str, Any], query: str, names: set[str]) -> None:
    found = officer.client.get(reverse(LIST), {"webhooks": query}).context["cl"].result_list
    assert {participant.name for participant in found} == names


def test_list_takes_the_same_queries_however_many(
    officer: Person, rows: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    officer.client.get(reverse(LIST))
    with django_assert_max_num_queries(14):
        officer.client.get(reverse(LIST))
