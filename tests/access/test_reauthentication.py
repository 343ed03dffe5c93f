"""The password asked for again: only the reader's own counts, and guesses are limited."""

from typing import Any

import pytest
from allauth.core import context
from django.core.cache import cache
from django.test import RequestFactory

from access.reauthentication import PasswordAgainForm
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "a-good-long-password"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def ask(user: Any, password: str) -> PasswordAgainForm:
    request: Any = RequestFactory().post("/", {"password": password})
    request.user, request.session = user, {}
    with context.request_context(request):
        form = PasswordAgainForm(request.POST, request=request)
        form.is_valid()
    return form


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
