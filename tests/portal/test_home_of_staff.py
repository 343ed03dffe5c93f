"""Where operations start."""

from typing import Any

from django.urls import reverse

from tests.factories import make_member, make_participant
from tests.people import Person


def test_staff_without_a_participant_start_at_the_overview_of_operations(officer: Person) -> None:
    answer = officer.client.get(reverse("portal:home"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:operations"))


def test_staff_who_belong_to_a_participant_see_its_home(officer: Person) -> None:
    make_member(officer.user, make_participant(), "viewer")
    assert officer.client.get(reverse("portal:home")).status_code == 200


def test_somebody_without_a_participant_is_told_so_and_not_sent_to_the_administration(db: Any) -> None:
    from django.test import Client

    from tests.factories import make_user

    client = Client()
    client.force_login(make_user())
    assert client.get(reverse("portal:home")).status_code == 403
