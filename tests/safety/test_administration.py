"""Who may open what of the administration (X-4): the table of tests/safety/admin_table.py, walked."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.safety.admin_table import answers, read_table
from tests.safety.office import VISITORS, Office, walk_administration
from tests.safety.policies import FILE_POLICY, POLICY, policy_of
from tests.safety.world import OWNERS_WORDS, World, all_rows, answer_word

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(180)]


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def test_every_address_of_the_administration_is_in_the_table() -> None:
    found = [name for name, _pattern in walk_administration()]
    assert len(found) > 100
    assert set(read_table()) == set(found)


@pytest.mark.parametrize("visitor", VISITORS)
def test_administration_opens_to_permissions_only(office: Office, visitor: str) -> None:
    """Nothing changes for who has no permission to change anything, nobody reads what is closed to them, and every
    answer has its headers."""
    paths, before, wrong = office.paths(), all_rows(), []
    for who in office.seats(visitor):
        client = office.world.client(who)
        for name, path in paths.items():
            for method in ("GET", "POST"):
                with transaction.atomic():
                    response = getattr(client, method.lower())(path, office.form(name))
                    transaction.set_rollback(visitor == "officer")
                expected = answers(name, method)[visitor]
                found = [] if answer_word(response) == expected else [f"{answer_word(response)}, not {expected}"]
                found += wrong_headers(name, response, signed_in=who != "anonymous")
                if visitor not in ("reader", "officer"):
                    found += [word for word in OWNERS_WORDS if word in body_of(response)]
                wrong += [f"{method} {name} as {who}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)
    assert all_rows() == before


def body_of(response: Any) -> str:
    return "" if response.streaming else response.content.decode()


def wrong_headers(name: str, response: Any, *, signed_in: bool) -> list[str]:
    file = name == "catalog_publication_file" and response.status_code == 200
    wrong = [] if policy_of(response) == (FILE_POLICY if file else POLICY) else [str(policy_of(response))]
    right = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}
    wrong += [header for header, value in right.items() if response.get(header) != value]
    # The words of the administration's scripts are the same for everybody who speaks a language.
    cached = "no-store" not in response.get("Cache-Control", "") and not file and name != "jsi18n"
    return wrong + (["Cache-Control"] if signed_in and cached else [])


def test_reader_is_offered_no_action_and_can_force_none(office: Office) -> None:
    """Every action of every list, posted with a row chosen: who may only look gets nothing done."""
    client, officer, offered = office.world.client("reader"), office.world.people["officer"], 0
    before = all_rows()
    for model, site in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert site.get_actions(request_of(office.world.people["reader"].user)) == {}, name
        for action in site.get_actions(request_of(officer.user)):
            offered += 1
            form = {"action": action, "_selected_action": str(office.rows()[name]), "post": "yes"}
            client.post(reverse(f"admin:{name}_changelist"), form)
            client.post(reverse(f"admin:{name}_changelist"), form | {"select_across": "1"})
    assert offered > 5
    assert all_rows() == before


def request_of(user: object) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = user  # type: ignore[assignment]
    return request


def test_what_the_officer_opens_shows_the_rows(office: Office) -> None:
    """Or nobody could read them anyway."""
    client, path = office.world.client("officer"), office.paths()["webhooks_webhook_changelist"]
    assert "Ordem secreta" in client.get(path).content.decode()


def test_administration_takes_no_forged_post(office: Office) -> None:
    client = office.world.client("officer", enforce_csrf_checks=True)
    before, wrong = all_rows(), []
    for name, path in office.paths().items():
        got = answer_word(client.post(path, office.form(name) | {"post": "yes"}))
        # 404 and 405 do nothing; the ways to other pages neither.
        if got not in ("403", "404", "405") and read_table()[name] not in ("elsewhere", "entrance", "exit"):
            wrong.append(f"{name}: {got}")
    assert not wrong, "\n".join(wrong)
    assert all_rows() == before


def test_sign_in_page_of_the_administration_takes_no_password(world: World) -> None:
    """Django's own form behind it would have no limit and leave no audit entry: any clerk could guess a colleague's."""
    form = {"username": world.owner.user.email, "password": "a-good-long-password"}
    client, login = world.client("staff"), reverse("admin:login")
    assert client.post(login, form)["Location"] == reverse("admin:index")
    assert client.post(f"{login}?next=https://evil.test/", form)["Location"] == reverse("admin:index")
    assert client.session["_auth_user_id"] == str(world.people["staff"].user.pk)
    assert Client().post(login, form)["Location"].startswith("/accounts/login/")
