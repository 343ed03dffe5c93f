"""Staff who see as a participant read what its viewer reads, and do nothing anywhere (X-4)."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.portal.test_routes import read_table
from tests.safety.policies import FILES
from tests.safety.world import World, all_rows, answer_word

pytestmark = pytest.mark.django_db

# The account pages stay the staff member's own; so do the way back, their own sessions and their own preferences.
OWN = ("account_", "mfa_")
OWN_DEEDS = ("access:session-end", "access:preferences-update")
END = "access:seeing-end"


@pytest.fixture
def seer(world: World) -> Client:
    client = world.client("officer")
    path = reverse("admin:access_participant_see", args=[world.participant.pk])
    assert client.post(path, {"reason": "They called"})["Location"] == "/"
    return client


def test_whoever_sees_as_a_participant_reads_as_its_viewer(world: World, seer: Client) -> None:
    wrong = []
    for (name, method), expected in read_table().items():
        if method == "GET" and not name.startswith(OWN):
            got = answer_word(world.ask(seer, name, method))
            # Files of a participant are its own; what a viewer of theirs may fetch, staff fetch in the administration.
            allowed = {expected["viewer"]} | ({expected["officer"]} if name in SHOWN_TO_STAFF else set())
            if got not in allowed:
                wrong.append(f"{name}: {got}, not {allowed}")
    assert not wrong, "\n".join(wrong)


SHOWN_TO_STAFF = (*FILES, "portal:home", END)


def test_whoever_sees_as_a_participant_changes_nothing(world: World, seer: Client) -> None:
    before, wrong = all_rows(), []
    for (name, method), expected in read_table().items():
        if method != "POST" or name == END or name.startswith((*OWN, *OWN_DEEDS)):
            continue
        with transaction.atomic():
            got = answer_word(world.ask(seer, name, method))
            if got not in ("403", "404", "405") or (set(expected.values()) != {"405"} and got == "405"):
                wrong.append(f"{name}: {got}")
            if all_rows() != before:
                wrong.append(f"{name} changed something")
            transaction.set_rollback(True)
    assert not wrong, "\n".join(wrong)


def test_right_that_is_taken_away_ends_it_at_once(world: World, seer: Client) -> None:
    assert seer.get("/settings/").status_code == 200
    officer = world.people["officer"].user
    type(officer).objects.filter(pk=officer.pk).update(is_superuser=False)
    assert seer.get("/settings/").status_code == 403
