"""The proof asked for again: only the reader's own password counts, it holds for minutes, and guesses are limited."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.core import context
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from access.actors import Actor
from access.mfa.actions import enable_mfa, make_seed
from access.mfa.totp import code_at, step_at
from access.models import User
from access.reauthentication import PasswordAgainForm, Proof, has_recent_proof, proof_required, record_proof
from tests.access.test_admin_people import user_values
from tests.factories import make_user
from tests.people import Person, prove

pytestmark = pytest.mark.django_db
PASSWORD = "a-good-long-password"
PAGE = "/accounts/reauthenticate/"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def make_request(user: Any, session: dict[str, Any] | None = None, **posted: str) -> Any:
    request: Any = RequestFactory().post("/", {f"again-{name}": value for name, value in posted.items()})
    request.user, request.session = user, {} if session is None else session
    return request


def turn_on_mfa(user: Any) -> str:
    """Give the user a second factor and return its seed."""
    seed = make_seed()
    enable_mfa(user, seed=seed, step=0, by=Actor.for_self(user))
    user.refresh_from_db()
    return seed


def ask(user: Any, password: str) -> PasswordAgainForm:
    request = make_request(user, password=password)
    with context.request_context(request):
        form = PasswordAgainForm(request.POST, request=request)
        form.is_valid()
    return form


def read(user: Any, session: dict[str, Any], **posted: str) -> Proof:
    request = make_request(user, session, **posted)
    with context.request_context(request):
        return Proof(request)


# --- who it is ----------------------------------------------------------------------------------------------------


def test_the_readers_own_password_counts() -> None:
    assert ask(make_user(password=PASSWORD), PASSWORD).is_valid()


@pytest.mark.parametrize("typed", ["", "wrong", PASSWORD.upper(), f" {PASSWORD}"])
def test_nothing_else_does_and_it_is_never_sent_back(typed: str) -> None:
    form = ask(make_user(password=PASSWORD), typed)
    assert not form.is_valid()
    assert typed == "" or typed not in str(form["password"])


def test_another_users_password_is_refused() -> None:
    make_user(password="quite-another-password")
    assert not ask(make_user(password=PASSWORD), "quite-another-password").is_valid()


def test_an_account_that_was_closed_meanwhile_is_refused() -> None:
    assert not ask(make_user(password=PASSWORD, is_active=False), PASSWORD).is_valid()


def test_guesses_are_limited_for_each_user() -> None:
    user, other = make_user(password=PASSWORD), make_user(password=PASSWORD)
    for _guess in range(5):
        ask(user, "wrong")
    form = ask(user, PASSWORD)
    assert "Too many attempts" in str(form.errors)
    assert ask(other, PASSWORD).is_valid()


# --- how long it holds --------------------------------------------------------------------------------------------


def test_a_proof_is_remembered_and_ends_after_some_minutes(time_machine: TimeMachineFixture, settings: Any) -> None:
    settings.PORTAL_REAUTHENTICATION_MINUTES = 7
    user, session = make_user(password=PASSWORD), dict[str, Any]()
    begin = timezone.now()
    time_machine.move_to(begin, tick=False)
    assert not read(user, session).given
    assert read(user, session, password=PASSWORD).given
    time_machine.move_to(begin + timedelta(minutes=7, seconds=-1), tick=False)
    assert read(user, session).given
    time_machine.move_to(begin + timedelta(minutes=7), tick=False)
    assert not read(user, session).given


def test_looking_at_it_does_not_prolong_it(time_machine: TimeMachineFixture) -> None:
    user, session, begin = make_user(password=PASSWORD), dict[str, Any](), timezone.now()
    time_machine.move_to(begin, tick=False)
    read(user, session, password=PASSWORD)
    before = dict(session)
    time_machine.move_to(begin + timedelta(minutes=9), tick=False)
    assert read(user, session, password="").given
    assert session == before


def test_a_wrong_password_is_no_proof_and_leaves_none() -> None:
    user, session = make_user(password=PASSWORD), dict[str, Any]()
    proof = read(user, session, password="wrong")
    assert (proof.given, proof.asked) == (False, True)
    assert session == {}
    assert "wrong" not in str(proof.form)


def test_the_proof_of_one_user_is_none_for_the_next_in_the_same_session() -> None:
    user, other, session = make_user(password=PASSWORD), make_user(), dict[str, Any]()
    read(user, session, password=PASSWORD)
    assert not read(other, session).given


@pytest.mark.parametrize("held", ["", "yes", {}, {"at": 9_999_999_999}, {"user": "somebody", "at": 1}])
def test_what_is_no_proof_in_a_session_is_none(held: Any) -> None:
    user = make_user(password=PASSWORD)
    assert not has_recent_proof(make_request(user, {"proof": held}))


def test_a_clock_that_was_set_back_makes_no_proof_eternal() -> None:
    user, session = make_user(), dict[str, Any]()
    record_proof(make_request(user, session), by="password")
    session["proof"]["at"] += 3600
    assert not has_recent_proof(make_request(user, session))


def test_signing_in_is_a_proof_that_ends_as_any_other(owner: Person, time_machine: TimeMachineFixture) -> None:
    begin, client = timezone.now(), Client()
    time_machine.move_to(begin, tick=False)
    response = client.post(reverse("account_login"), {"login": owner.user.email, "password": PASSWORD})
    assert response.status_code == 302
    assert client.get(PAGE).status_code == 302
    time_machine.move_to(begin + timedelta(minutes=10), tick=False)
    assert client.get(PAGE).status_code == 200


def test_a_second_factor_is_asked_for_in_place_of_the_password(owner: Person) -> None:
    seed = turn_on_mfa(owner.user)
    assert 'name="again-code"' in owner.stale_client.get(PAGE).content.decode()
    refused = owner.stale_client.post(PAGE, {"again-password": PASSWORD})
    assert "again-code" in refused.content.decode()
    code = code_at(seed, step_at(time.time()))
    assert owner.stale_client.post(PAGE, {"again-code": code})["Location"] == "/"
    # The same code a second time, in another browser, is worth nothing.
    other = Client()
    other.force_login(owner.user)
    again = other.post(PAGE, {"again-code": code})
    assert "wrong, too old, or was used before" in again.content.decode()
    assert code not in again.content.decode()


def test_a_proof_by_password_ends_where_a_second_factor_begins(owner: Person) -> None:
    assert owner.client.get(PAGE).status_code == 302
    turn_on_mfa(owner.user)
    # A session of its own, whose proof is by password: the others ended with the change.
    client = Client()
    client.force_login(owner.user)
    prove(client, owner.user)
    assert client.get(PAGE).status_code == 200
    prove(client, owner.user, by="code")
    assert client.get(PAGE).status_code == 302


# --- the page that asks ---------------------------------------------------------------------------------------------


def test_the_page_asks_and_leads_back(owner: Person) -> None:
    client = owner.stale_client
    page = client.get(PAGE, {"next": "/profile/"})
    assert 'name="again-password"' in page.content.decode()
    assert 'name="next" value="/profile/"' in page.content.decode()
    refused = client.post(PAGE, {"next": "/profile/", "again-password": "wrong"})
    assert "This is not your password." in refused.content.decode()
    empty = client.post(PAGE, {"next": "/profile/", "again-password": ""})
    assert "This field is required." in empty.content.decode()
    answer = client.post(PAGE, {"next": "/profile/", "again-password": PASSWORD})
    assert answer["Location"] == "/profile/"
    assert client.get(PAGE, {"next": "/profile/"})["Location"] == "/profile/"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_to_no_other_site(owner: Person, target: str) -> None:
    assert owner.client.get(PAGE, {"next": target})["Location"] == "/"
    answer = owner.stale_client.post(PAGE, {"next": target, "again-password": PASSWORD})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("target", ["mfa_set_up", "webhooks:webhook-edit", "admin.site", "x"])
def test_a_word_that_is_no_address_is_not_looked_up_as_a_view(owner: Person, target: str) -> None:
    assert owner.client.get(PAGE, {"next": target}).status_code == 302


def test_a_page_that_requires_it_is_reached_only_with_it() -> None:
    seen = []

    @proof_required
    def page(request: Any) -> HttpResponse:
        seen.append(request)
        return HttpResponse("shown")

    user, session = make_user(password=PASSWORD), dict[str, Any]()
    request = make_request(user, session, typed="kept nowhere")
    assert page(request)["Location"] == f"{PAGE}?next=%2F"
    assert seen == []
    assert session == {}
    record_proof(request, by="password")
    assert page(request).content == b"shown"


def test_htmx_is_sent_to_the_whole_page() -> None:
    request = make_request(make_user(), {})
    request.META["HTTP_HX_REQUEST"] = "true"
    assert proof_required(HttpResponse)(request)["HX-Redirect"].startswith(PAGE)


# --- passwords of others, in the admin ------------------------------------------------------------------------------


def test_staff_set_a_password_only_after_their_own(officer: Person) -> None:
    user = make_user()
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    fields = {"password1": "set-by-an-officer-1", "password2": "set-by-an-officer-1", "usable_password": "true"}
    for answer in (officer.stale_client.get(address), officer.stale_client.post(address, fields)):
        assert answer["Location"] == f"{PAGE}?{urlencode({'next': address})}"
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    officer.client.post(address, fields)
    user.refresh_from_db()
    assert user.check_password("set-by-an-officer-1")


def test_staff_add_a_user_with_a_password_only_after_their_own(officer: Person) -> None:
    address = reverse("admin:access_user_add")
    fields = {"email": "new@example.test", "name": "New", "language": "en", "password": "a-password-for-the-new-1"}
    assert officer.stale_client.get(address)["Location"].startswith(PAGE)
    assert officer.stale_client.post(address, fields)["Location"].startswith(PAGE)
    # By mail too: the address is the one that was typed.
    assert officer.stale_client.post(address, fields | {"password": ""})["Location"].startswith(PAGE)
    assert not User.objects.filter(email="new@example.test").exists()


MOVES: list[dict[str, Any]] = [
    {"email": "mine@example.test"},
    {"is_staff": "on"},
    {"is_superuser": "on"},
    {"groups": 1},
]


@pytest.mark.parametrize("over", MOVES, ids=["email", "staff", "superuser", "groups"])
def test_staff_move_a_login_or_give_powers_only_after_their_own_password(officer: Person, over: dict[str, Any]) -> None:
    user, group = make_user(), Group.objects.create(name="Desk")
    address = reverse("admin:access_user_change", args=[user.pk])
    fields = user_values(user, **over | ({"groups": [group.pk]} if "groups" in over else {}))
    before = (User.objects.filter(pk=user.pk).values().get(), list(user.groups.all()))
    assert officer.stale_client.post(address, fields)["Location"].startswith(PAGE)
    assert (User.objects.filter(pk=user.pk).values().get(), list(user.groups.all())) == before
    assert officer.client.post(address, fields)["Location"].endswith("/change/")
    assert (User.objects.filter(pk=user.pk).values().get(), list(user.groups.all())) != before


def test_what_moves_no_login_takes_no_proof(officer: Person) -> None:
    user = make_user()
    address = reverse("admin:access_user_change", args=[user.pk])
    officer.stale_client.post(address, user_values(user, name="Renamed"))
    user.refresh_from_db()
    assert user.name == "Renamed"
