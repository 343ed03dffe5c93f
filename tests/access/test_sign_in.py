import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django.utils.translation import get_language

from access.adapter import AccountAdapter
from access.models import AuditEntry, User
from access.tasks import remove_expired_sessions
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PASSWORD = "a-good-long-password"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests():
    cache.clear()


@pytest.fixture
def ana():
    return make_user(email="ana@vento.test", name="Ana", password=PASSWORD)


def sign_in(client, email="ana@vento.test", password=PASSWORD, **over):
    return client.post("/accounts/login/", {"login": email, "password": password} | over)


def is_signed_in(client):
    return "_auth_user_id" in client.session


def actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_sign_in_by_address_whatever_its_case_leaves_a_trace(ana):
    client = Client()
    answer = sign_in(client, "Ana@Vento.TEST", next="/profile/")
    assert (answer.status_code, answer["Location"]) == (302, "/profile/")
    assert is_signed_in(client)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_user, entry.address) == ("access.user.signed_in", ana, "127.0.0.1")


def test_sign_out_takes_a_post_and_leaves_a_trace(ana):
    client = Client()
    sign_in(client)
    assert client.get("/accounts/logout/").status_code == 200
    assert is_signed_in(client)
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert not is_signed_in(client)
    assert actions() == ["access.user.signed_in", "access.user.signed_out"]


@pytest.mark.parametrize(
    ("email", "password"), [("ana@vento.test", "wrong"), ("nobody@vento.test", PASSWORD), ("", "")]
)
def test_wrong_address_or_password_opens_nothing_and_fills_no_trail(ana, email, password):
    client = Client()
    answer = sign_in(client, email, password)
    assert answer.status_code == 200
    assert not is_signed_in(client)
    assert not AuditEntry.objects.exists()


def test_unknown_address_and_wrong_password_get_the_same_words(ana):
    answers = [sign_in(Client(), email, "wrong-password") for email in ("ana@vento.test", "bob@vento.test")]
    assert answers[0].context["form"].errors == answers[1].context["form"].errors


def test_inactive_user_does_not_get_in(ana):
    User.objects.update(is_active=False)
    client = Client()
    assert sign_in(client)["Location"] == "/accounts/inactive/"
    assert not is_signed_in(client)
    assert client.get("/accounts/inactive/").status_code == 200


def test_guesses_at_one_account_end_after_five(ana):
    for _ in range(5):
        sign_in(Client(), password="wrong")
    client = Client()
    answer = sign_in(client)
    assert not is_signed_in(client)
    assert answer.context["form"].errors


def test_guesses_from_one_address_end_after_ten_whatever_the_account(ana):
    for number in range(10):
        sign_in(Client(), f"user{number}@vento.test", "wrong")
    client = Client()
    sign_in(client)
    assert not is_signed_in(client)
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    sign_in(elsewhere)
    assert is_signed_in(elsewhere)


def test_limits_count_by_the_address_of_the_caller_behind_our_proxy(ana, settings):
    settings.PORTAL_PROXY_COUNT = 1
    for number in range(10):
        forged = {"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.7"}
        Client(headers=forged).post("/accounts/login/", {"login": f"user{number}@vento.test", "password": "wrong"})
    client = Client(headers={"X-Forwarded-For": "192.0.2.99, 198.51.100.7"})
    sign_in(client)
    assert not is_signed_in(client)


def test_flood_of_requests_gets_a_page_of_ours(ana, settings):
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/m/ip"}
    client = Client(headers={"Accept-Language": "en"})
    answers = [client.post("/accounts/password/reset/", {"email": "ana@vento.test"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 429]
    assert "wait a minute" in answers[1].content.decode()
    assert len(mail.outbox) == 1


def test_counts_are_shared_by_all_processes(settings):
    """Not in the memory of one process: each new one would give five guesses more."""
    assert settings.CACHES["default"]["BACKEND"] == "django.core.cache.backends.db.DatabaseCache"


@pytest.mark.parametrize("method", ["get", "post"])
def test_sign_up_is_closed(method):
    values = {"email": "new@vento.test", "password1": PASSWORD, "password2": PASSWORD}
    answer = getattr(Client(), method)("/accounts/signup/", values)
    assert answer.status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "path", ["email/", "confirm-email/", "password/set/", "login/code/", "login/code/confirm/", ""]
)
def test_other_pages_of_allauth_do_not_exist(owner, path):
    assert owner.client.get(f"/accounts/{path}").status_code == 404


def test_no_second_list_of_addresses_is_kept(ana):
    """allauth would accept any of these addresses at sign-in."""
    sign_in(Client())
    Client().post("/accounts/password/reset/", {"email": "ana@vento.test"})
    assert not EmailAddress.objects.exists()
    assert not admin.site.is_registered(EmailAddress)


def link_in(message):
    return re.search(r"http://portal\.test(/accounts/password/reset/key/\S+)", message.body)[1]


def test_forgotten_password_is_chosen_anew_by_a_link_that_works_once(ana):
    answer = Client().post("/accounts/password/reset/", {"email": "Ana@vento.test"}, headers={"Host": "localhost"})
    assert answer["Location"] == "/accounts/password/reset/done/"
    (message,) = mail.outbox
    assert message.to == ["ana@vento.test"]
    link = link_in(message)
    client = Client()
    form = client.get(link, follow=True)
    target = form.request["PATH_INFO"]
    done = client.post(target, {"password1": "another-good-password", "password2": "another-good-password"})
    assert done["Location"] == "/accounts/password/reset/key/done/"
    assert actions() == ["access.user.password_changed"]
    assert not is_signed_in(client)
    sign_in(client, password="another-good-password")
    assert is_signed_in(client)
    again = Client()
    page = again.get(link, follow=True)
    assert page.request["PATH_INFO"] == link
    assert "password1" not in page.content.decode()


def test_reset_mail_speaks_the_language_of_its_reader(ana, monkeypatch):
    languages = []
    monkeypatch.setattr(AccountAdapter, "send_mail", lambda *args: languages.append(get_language()))
    User.objects.update(language="pt-br")
    Client(headers={"Accept-Language": "en"}).post("/accounts/password/reset/", {"email": "ana@vento.test"})
    assert languages == ["pt-br"]


def test_unknown_address_gets_the_same_page_and_no_mail(ana):
    answer = Client().post("/accounts/password/reset/", {"email": "bob@vento.test"})
    assert answer["Location"] == "/accounts/password/reset/done/"
    assert not mail.outbox


def test_changed_password_keeps_this_session_and_ends_the_others(ana):
    here, elsewhere = Client(), Client()
    sign_in(here)
    sign_in(elsewhere)
    values = {"oldpassword": PASSWORD, "password1": "another-good-password", "password2": "another-good-password"}
    here.post("/accounts/password/change/", values)
    assert here.get("/accounts/password/change/").status_code == 200
    assert elsewhere.get("/accounts/password/change/").status_code == 302
    assert actions()[-1] == "access.user.password_changed"


@pytest.mark.parametrize("weak", ["short", "password123", "ana@vento.test"])
def test_weak_password_is_refused_and_the_old_one_stays(ana, weak):
    client = Client()
    sign_in(client)
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": weak, "password2": weak})
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


def test_password_change_needs_somebody_signed_in():
    assert Client().get("/accounts/password/change/")["Location"].startswith("/accounts/login/")


def test_sign_in_starts_a_new_session_of_twelve_hours(ana):
    client = Client()
    client.get("/accounts/login/")
    client.session["before"] = 1
    before = client.session.session_key
    sign_in(client)
    assert client.session.session_key != before
    assert client.session.get_expiry_age() == 12 * 3600


@pytest.mark.parametrize("path", ["login/", "signup/", "inactive/", "password/reset/", "password/reset/done/"])
def test_signed_out_pages_carry_no_inline_style_or_script(path):
    page = Client().get(f"/accounts/{path}").content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", page)


def test_sign_in_leads_nowhere_else(ana):
    assert sign_in(Client(), next="https://evil.test/")["Location"] == "/"


def test_expired_sessions_are_removed_and_living_ones_kept(ana):
    client = Client()
    sign_in(client)
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(hours=1))
    remove_expired_sessions()
    assert Session.objects.get().session_key == client.session.session_key
