"""What each request learns before its view: id, address, language, cache rule."""

import pytest
from django.test import Client

from access import request_context

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.pages")]


def test_request_has_an_id_of_its_own_whatever_the_caller_sends():
    answers = [Client().get("/context/", headers={"X-Request-Id": "mine"}) for _ in range(2)]
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 2
    assert "mine" not in ids
    assert answers[0]["X-Request-Id"] == answers[0].json()["id"]


def test_nothing_is_left_bound_after_a_request():
    Client().get("/context/")
    assert (request_context.request_id.get(), request_context.address.get()) == ("", "")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "127.0.0.1"),
        (0, "198.51.100.7", "127.0.0.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
        (2, "198.51.100.7", "127.0.0.1"),
        (1, None, "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "<script>", "127.0.0.1"),
        (1, "198.51.100.7:4711", "198.51.100.7"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_address_is_the_one_that_our_own_proxies_vouch_for(settings, proxies, forwarded, address):
    settings.PORTAL_PROXY_COUNT = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert Client().get("/context/", headers=headers).json()["address"] == address


def test_signed_in_pages_are_kept_by_no_cache(owner):
    assert owner.client.get("/viewer/")["Cache-Control"] == "no-store"
    assert not Client().get("/context/").has_header("Cache-Control")


def test_language_is_the_users_own_whatever_the_browser_prefers(owner):
    owner.user.language = "pt-br"
    owner.user.save()
    answer = owner.client.get("/viewer/", headers={"Accept-Language": "en"})
    assert answer["Content-Language"] == "pt-br"


def test_signed_out_language_is_the_cookies_then_the_browsers():
    client = Client()
    assert client.get("/accounts/login/", headers={"Accept-Language": "en"})["Content-Language"] == "en"
    client.post("/preferences/", {"language": "pt-br"})
    assert client.get("/accounts/login/", headers={"Accept-Language": "en"})["Content-Language"] == "pt-br"


def test_preferences_are_kept_with_the_user(owner, outsider):
    answer = owner.client.post("/preferences/", {"language": "pt-br", "theme": "dark", "next": "/viewer/?page=2"})
    assert (answer.status_code, answer["Location"]) == (302, "/viewer/?page=2")
    owner.user.refresh_from_db()
    outsider.user.refresh_from_db()
    assert (owner.user.language, owner.user.theme) == ("pt-br", "dark")
    assert (outsider.user.language, outsider.user.theme) == ("en", "system")
    owner.client.post("/preferences/", {"theme": "light"})
    owner.user.refresh_from_db()
    assert (owner.user.language, owner.user.theme) == ("pt-br", "light")


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test/", "javascript:alert(1)", "\\\\evil.test", ""])
def test_preferences_lead_nowhere_else(target):
    answer = Client().post("/preferences/", {"language": "en", "next": target})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("values", [{"language": "xx"}, {"theme": "sepia"}, {"language": "en", "theme": "\0"}])
def test_unknown_preferences_are_refused_and_change_nothing(owner, values):
    assert owner.client.post("/preferences/", values).status_code == 400
    owner.user.refresh_from_db()
    assert (owner.user.language, owner.user.theme) == ("en", "system")


def test_preferences_take_only_post(owner):
    assert owner.client.get("/preferences/").status_code == 405


def test_preferences_need_a_token_of_the_form(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user)
    for path in ("/preferences/", "/participant/"):
        assert client.post(path, {"theme": "dark"}).status_code == 403
