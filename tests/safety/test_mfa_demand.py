"""Who must have a second factor and has none reaches the page that sets it up, and no other address of the portal."""

import sys
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.mfa.demand import OPEN_VIEWS
from access.models import Participant
from tests import processes
from tests.access.second_factors import PASSWORD, give_code, give_password, is_signed_in, set_up
from tests.access.test_mfa_pages import code_now, codes_on, seed_on
from tests.factories import make_member, make_participant, make_user
from tests.people import Person
from tests.safety.office import Office
from tests.safety.world import World, all_rows, portal_routes

pytestmark = pytest.mark.django_db
SET_UP = "/accounts/two-step/set-up/"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def demanded_of_staff(settings: Any) -> None:
    settings.PORTAL_STAFF_MFA = True


@pytest.fixture
def rui(db: None) -> Any:
    """A member of a participant that demands a second factor."""
    user = make_user(email="rui@vento.test", password=PASSWORD)
    make_member(user, make_participant(name="Vento Alto", mfa_demanded=True))
    return user


def closed(response: Any) -> bool:
    return response.status_code == 302 and response["Location"] == SET_UP


def test_staff_need_one_unless_the_installation_says_otherwise(tmp_path: Path) -> None:
    words = "import os, portal.settings as s; print(s.PORTAL_STAFF_MFA)"
    for value, expected in ({}, "True"), ({"PORTAL_STAFF_MFA": "false"}, "False"):
        asked = processes.run(sys.executable, "-c", words, env=processes.portal_environment(tmp_path, **value))
        assert asked.stdout.strip() == expected, asked.stderr


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_member_of_whom_it_is_demanded_reaches_no_address(world: World, method: str) -> None:
    Participant.objects.filter(pk=world.participant.pk).update(mfa_demanded=True)
    client, before = world.client("administrator"), all_rows()
    for name in sorted(portal_routes() - OPEN_VIEWS):
        assert closed(world.ask(client, name, method)), name
    assert all_rows() == before


@pytest.mark.parametrize("who", ["staff", "officer"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_staff_of_whom_it_is_demanded_reach_no_address(
    world: World, demanded_of_staff: None, who: str, method: str
) -> None:
    paths = Office(world).paths()
    client, before = world.client(who), all_rows()
    for name in sorted(portal_routes() - OPEN_VIEWS):
        assert closed(world.ask(client, name, method)), name
    for name, path in paths.items():
        assert closed(client.generic(method, path)), name
    assert all_rows() == before


def test_the_open_addresses_are_all_they_need_and_exist() -> None:
    for name in OPEN_VIEWS:
        assert reverse(name)
    assert len(OPEN_VIEWS) == 4


def test_from_the_password_to_the_factor_and_then_everywhere(rui: Any) -> None:
    client = Client()
    assert give_password(client, rui, next="/profile/")["Location"] == "/profile/"
    assert closed(client.get("/profile/"))
    page = client.get(SET_UP)
    words = page.content.decode()
    assert "Vento Alto demands a second step" in words
    assert "/settings/" not in words, "a menu of pages that are closed"
    seed = seed_on(page)
    assert len(codes_on(client.post(SET_UP, {"code": code_now(seed)}))) == 10
    assert client.get("/").status_code == 200
    assert client.get("/profile/").status_code == 200


def test_fragments_lead_the_whole_page_away(rui: Any) -> None:
    client = Client()
    give_password(client, rui)
    answer = client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"], answer.content) == (403, SET_UP, b"")


def test_what_is_demanded_is_not_turned_off(rui: Any) -> None:
    telephone = set_up(rui)
    client = Client()
    give_password(client, rui)
    give_code(client, telephone.code())
    assert "turn-off" not in client.get("/accounts/two-step/").content.decode()
    refused = client.post("/accounts/two-step/turn-off/", follow=True)
    assert "demanded of you" in refused.content.decode()
    assert Authenticator.objects.filter(user=rui).count() == 2
    assert "demanded by Vento Alto" in client.get("/accounts/two-step/turn-off/").content.decode()


def test_it_counts_from_the_moment_it_is_demanded(rui: Any) -> None:
    Participant.objects.update(mfa_demanded=False)
    client = Client()
    give_password(client, rui)
    assert client.get("/profile/").status_code == 200
    Participant.objects.update(mfa_demanded=True)
    assert closed(client.get("/profile/"))


def test_a_factor_turned_off_before_it_was_demanded_counts_no_more(rui: Any) -> None:
    """The session remembers that it took the second step; of a factor that is gone it must not."""
    Participant.objects.update(mfa_demanded=False)
    telephone = set_up(rui)
    client = Client()
    give_password(client, rui)
    give_code(client, telephone.code())
    client.post("/accounts/two-step/turn-off/")
    Participant.objects.update(mfa_demanded=True)
    assert closed(client.get("/profile/"))


def test_a_session_that_never_took_the_second_step_ends(rui: Any) -> None:
    set_up(rui)
    client = Client()
    client.force_login(rui)
    assert client.get("/profile/")["Location"] == "/accounts/login/"
    assert not is_signed_in(client)


def test_members_of_others_are_not_asked(rui: Any, owner: Person) -> None:
    assert owner.client.get("/").status_code == 200


def test_one_demanding_participant_is_enough(rui: Any) -> None:
    first = make_participant(name="Another")
    make_member(rui, first)
    client = Client()
    client.force_login(rui)
    session = client.session
    session["participant"] = str(first.uuid)
    session.save()
    assert closed(client.get("/"))


def test_after_the_second_step_nothing_more_is_asked_of_the_database(rui: Any, owner: Person) -> None:
    """A page costs the same whether or not a second factor is demanded."""
    telephone = set_up(rui)
    client = Client()
    give_password(client, rui)
    give_code(client, telephone.code())
    counts = []
    for browser in (owner.client, client):
        browser.get("/settings/")
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/settings/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
