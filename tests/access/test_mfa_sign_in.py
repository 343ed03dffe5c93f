"""Signing in with a second step, and every way around it."""

import re
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client

from access.actors import Actor
from access.mfa import actions
from access.models import AuditEntry, User
from tests.access.second_factors import PASSWORD, Telephone, give_code, give_password, is_signed_in, set_up
from tests.factories import make_user

pytestmark = pytest.mark.django_db
CODE_PAGE = "/accounts/two-step/code/"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def telephone() -> Telephone:
    return set_up(make_user(email="ana@vento.test", name="Ana", password=PASSWORD))


def english(**more: Any) -> Client:
    """Until somebody is signed in, the browser says which language."""
    return Client(headers={"Accept-Language": "en"}, **more)


def test_the_password_alone_opens_nothing(telephone: Telephone) -> None:
    client = Client()
    answer = give_password(client, telephone.user, next="/profile/")
    assert answer["Location"] == CODE_PAGE
    assert not is_signed_in(client)
    assert client.get("/profile/")["Location"].startswith("/accounts/login/")
    assert not AuditEntry.objects.filter(action="access.user.signed_in").exists()


def test_the_code_opens_the_page_that_was_asked_for_in_a_session_of_its_own(telephone: Telephone) -> None:
    client = Client()
    give_password(client, telephone.user, next="/profile/")
    before = client.session.session_key
    answer = give_code(client, telephone.code())
    assert (answer.status_code, answer["Location"]) == (302, "/profile/")
    assert is_signed_in(client)
    assert client.session.session_key != before
    assert client.session.get_expiry_age() == 12 * 3600
    assert AuditEntry.objects.get(action="access.user.signed_in").actor_user == telephone.user


def test_a_recovery_code_opens_it_too_once(telephone: Telephone) -> None:
    for signed_in in (True, False):
        client = Client()
        give_password(client, telephone.user)
        give_code(client, telephone.recovery_codes[0])
        assert is_signed_in(client) is signed_in


def test_a_code_that_was_seen_opens_no_second_session(telephone: Telephone) -> None:
    code = telephone.code()
    first, second = english(), english()
    for client in (first, second):
        give_password(client, telephone.user)
        answer = give_code(client, code)
    assert is_signed_in(first)
    assert not is_signed_in(second)
    assert "used before" in answer.content.decode()


def test_a_wrong_code_says_so_and_is_not_sent_back(telephone: Telephone) -> None:
    client = english()
    give_password(client, telephone.user)
    answer = give_code(client, "987654")
    assert answer.status_code == 200
    assert "987654" not in answer.content.decode()
    assert "wrong, too old, or was used before" in answer.content.decode()
    assert not is_signed_in(client)


def test_the_code_without_the_password_is_no_way_in(telephone: Telephone) -> None:
    client = Client()
    assert give_code(client, telephone.code())["Location"] == "/accounts/login/"
    assert not is_signed_in(client)


def test_guesses_end_whatever_browser_they_come_from(telephone: Telephone) -> None:
    for _guess in range(5):
        client = Client()
        give_password(client, telephone.user)
        give_code(client, "000000")
    last = english(REMOTE_ADDR="198.51.100.7")
    give_password(last, telephone.user)
    answer = give_code(last, telephone.code())
    assert not is_signed_in(last)
    assert "Too many wrong codes" in answer.content.decode()


def test_a_right_code_for_oneself_does_not_wipe_out_guesses_at_others_passwords(telephone: Telephone) -> None:
    """allauth's own form clears the count of the caller's address: ten guesses, one sign-in, ten guesses, and so on."""
    client = Client()
    give_password(client, telephone.user)
    for number in range(10):
        Client().post("/accounts/login/", {"login": f"user{number}@vento.test", "password": "wrong"})
    give_code(client, telephone.code())
    assert is_signed_in(client)
    other = make_user(email="bob@vento.test", password=PASSWORD)
    bob = Client()
    give_password(bob, other)
    assert not is_signed_in(bob)


def test_ten_minutes_after_the_password_it_is_asked_for_again(telephone: Telephone) -> None:
    with time_machine.travel(1_900_000_000, tick=False) as clock:
        client = Client()
        give_password(client, telephone.user)
        clock.shift(601)
        assert give_code(client, telephone.code())["Location"] == "/accounts/login/"
        assert not is_signed_in(client)


def test_somebody_else_may_start_over(telephone: Telephone) -> None:
    client = Client()
    give_password(client, telephone.user)
    client.post("/accounts/logout/")
    assert client.get("/accounts/login/").status_code == 200
    assert client.get(CODE_PAGE)["Location"] == "/accounts/login/"


def test_a_password_chosen_anew_by_mail_does_not_replace_the_code(telephone: Telephone) -> None:
    mail.outbox.clear()
    Client().post("/accounts/password/reset/", {"email": "ana@vento.test"})
    link = re.search(r"http://portal\.test(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    assert link
    client = Client()
    target = client.get(link[1], follow=True).request["PATH_INFO"]
    client.post(target, {"password1": "another-good-password", "password2": "another-good-password"})
    assert not is_signed_in(client)
    give_password(client, telephone.user, password="another-good-password")
    assert not is_signed_in(client)
    give_code(client, telephone.code())
    assert is_signed_in(client)


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/?next=/admin/"])
def test_the_administration_has_no_door_of_its_own(path: str) -> None:
    telephone = set_up(make_user(password=PASSWORD, is_staff=True, is_superuser=True))
    client = Client()
    answer = client.post(path, {"username": telephone.user.email, "password": PASSWORD}, follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/login/"
    give_password(client, telephone.user)
    assert client.get("/admin/", follow=True).request["PATH_INFO"] in {"/accounts/login/", CODE_PAGE}
    assert not is_signed_in(client)


def test_someone_closed_between_the_two_steps_stays_outside(telephone: Telephone) -> None:
    client = Client()
    give_password(client, telephone.user)
    User.objects.update(is_active=False)
    give_code(client, telephone.code())
    assert client.get("/profile/").status_code == 302


def test_a_factor_taken_away_between_the_two_steps_leads_back_to_the_password(telephone: Telephone) -> None:
    client = Client()
    give_password(client, telephone.user)
    actions.reset_mfa(telephone.user, by=Actor.system("a test"))
    answer = client.get(CODE_PAGE, follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/login/"
    assert answer.status_code == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_page_for_the_code_carries_no_inline_style_or_script_and_stays_in_no_cache(
    telephone: Telephone, method: str
) -> None:
    client = Client()
    give_password(client, telephone.user)
    answer: Any = getattr(client, method)(CODE_PAGE, {"code": "1"})
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
