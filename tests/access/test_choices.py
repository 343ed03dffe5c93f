"""A language or a theme chosen by hand on the sign-in page is kept through the sign-in, for that account alone."""

import pytest
from django.core.cache import cache
from django.test import Client

from access.models import AuditEntry, User
from tests.access.second_factors import give_code, set_up
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PASSWORD = "a-good-long-password"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def ana() -> User:
    return make_user(email="ana@vento.test", name="Ana", password=PASSWORD, language="pt-br")


def sign_in(client: Client, email: str = "ana@vento.test", password: str = PASSWORD) -> None:
    client.post("/accounts/login/", {"login": email, "password": password}, headers=ENGLISH)


def kept(user: User) -> tuple[str, str]:
    user.refresh_from_db()
    return user.language, user.theme


def test_what_was_chosen_on_the_sign_in_page_is_the_accounts_after_it(ana: User) -> None:
    client = Client()
    client.post("/preferences/", {"language": "en"})
    client.post("/preferences/", {"theme": "dark"})
    assert kept(ana) == ("pt-br", "system")
    sign_in(client)
    assert kept(ana) == ("en", "dark")
    assert client.get("/profile/")["Content-Language"] == "en"
    entry = AuditEntry.objects.get(action="access.user.preferences_updated")
    assert (entry.actor_user, entry.after) == (ana, {"language": "en", "theme": "dark"})


def test_only_what_was_chosen_replaces_the_accounts_own(ana: User) -> None:
    User.objects.filter(pk=ana.pk).update(theme="light")
    client = Client()
    client.post("/preferences/", {"language": "en"})
    sign_in(client)
    assert kept(ana) == ("en", "light")


def test_what_the_browser_prefers_is_no_choice(ana: User) -> None:
    client = Client()
    assert client.get("/accounts/login/", headers=ENGLISH)["Content-Language"] == "en"
    sign_in(client)
    assert kept(ana) == ("pt-br", "system")
    assert client.get("/profile/", headers=ENGLISH)["Content-Language"] == "pt-br"
    assert not AuditEntry.objects.filter(action="access.user.preferences_updated").exists()


def test_choice_waits_for_the_second_factor(ana: User) -> None:
    telephone = set_up(ana)
    client = Client()
    client.post("/preferences/", {"language": "en"})
    sign_in(client)
    assert kept(ana) == ("pt-br", "system")
    give_code(client, telephone.code())
    assert kept(ana) == ("en", "system")


def test_wrong_password_gives_nobody_the_choice_and_does_not_lose_it(ana: User) -> None:
    client = Client()
    client.post("/preferences/", {"language": "en"})
    sign_in(client, password="wrong")
    assert kept(ana) == ("pt-br", "system")
    sign_in(client)
    assert kept(ana) == ("en", "system")


def test_next_person_at_the_same_browser_inherits_nothing(ana: User) -> None:
    bia = make_user(email="bia@vento.test", name="Bia", password=PASSWORD, language="pt-br")
    client = Client()
    client.post("/preferences/", {"language": "en"})
    sign_in(client)
    client.post("/preferences/", {"theme": "dark"})
    client.post("/accounts/logout/")
    sign_in(client, "bia@vento.test")
    assert kept(bia) == ("pt-br", "system")
    assert client.get("/profile/")["Content-Language"] == "pt-br"


@pytest.mark.parametrize("values", [{}, {"language": "xx"}])
def test_nothing_chosen_begins_no_session(values: dict[str, str]) -> None:
    client = Client()
    client.post("/preferences/", values)
    assert "session" not in client.cookies
