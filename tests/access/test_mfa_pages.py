"""The pages of one's own second factor: setting up, replacing, new codes, turning off; told, audited, shown once."""

import re
import time
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client

from access.actors import Actor
from access.mfa import actions, totp
from access.models import AuditEntry, User
from tests.access.second_factors import PASSWORD, Telephone, give_code, give_password, is_signed_in, set_up
from tests.factories import make_user
from tests.people import prove

pytestmark = pytest.mark.django_db
SET_UP = "/accounts/two-step/set-up/"
RENEW = "/accounts/two-step/recovery-codes/"
OFF = "/accounts/two-step/turn-off/"
INDEX = "/accounts/two-step/"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    """What happens once the transaction is through: the mails."""
    return partial(django_capture_on_commit_callbacks, execute=True)


@pytest.fixture
def ana(db: None) -> Any:
    return make_user(email="ana@vento.test", name="Ana", password=PASSWORD)


def signed_in(user: Any, telephone: Telephone | None = None) -> Client:
    client = Client()
    give_password(client, user)
    if telephone:
        give_code(client, telephone.code())
    assert is_signed_in(client)
    return client


def seed_on(page: Any) -> str:
    shown = re.search(r'two-step-key">([A-Z2-7 ]+)<', page.content.decode())
    assert shown
    return shown[1].replace(" ", "")


def codes_on(page: Any) -> list[str]:
    return [code.replace(" ", "") for code in re.findall(r'class="mono">(\d{4} \d{4})<', page.content.decode())]


def code_now(seed: str) -> str:
    return totp.code_at(seed, totp.step_at(time.time()))


def actions_of(user: Any) -> list[str]:
    return list(AuditEntry.objects.filter(object_id=str(user.uuid)).order_by("pk").values_list("action", flat=True))


def test_from_the_profile_to_a_factor_that_signs_in(ana: Any, committed: Any) -> None:
    client = signed_in(ana)
    assert INDEX in client.get("/profile/").content.decode()
    page = client.get(SET_UP)
    seed = seed_on(page)
    assert len(seed) == 32
    assert 'src="data:image/svg+xml;base64,' in page.content.decode()
    with committed():
        done = client.post(SET_UP, {"code": code_now(seed)})
    assert len(codes_on(done)) == 10
    assert "access.user.mfa_enabled" in actions_of(ana)
    assert [message.to for message in mail.outbox] == [["ana@vento.test"]]
    assert client.get("/profile/").status_code == 200
    again = Client()
    assert give_password(again, ana)["Location"] == "/accounts/two-step/code/"
    give_code(again, codes_on(done)[0])
    assert is_signed_in(again)
    assert "9 codes are left" in again.get(INDEX).content.decode()


def test_a_wrong_first_code_changes_nothing_and_keeps_the_seed(ana: Any) -> None:
    client = signed_in(ana)
    seed = seed_on(client.get(SET_UP))
    refused = client.post(SET_UP, {"code": "000000"})
    assert "not the code that the app shows" in refused.content.decode()
    assert seed_on(refused) == seed
    assert not Authenticator.objects.exists()
    assert not mail.outbox
    assert len(codes_on(client.post(SET_UP, {"code": code_now(seed)}))) == 10


def test_every_visit_shows_another_seed_so_that_one_seen_before_is_worthless(ana: Any) -> None:
    client = signed_in(ana)
    seen = seed_on(client.get(SET_UP))
    shown = seed_on(client.get(SET_UP))
    assert seen != shown
    assert "counts no more" not in client.get(SET_UP).content.decode()
    refused = client.post(SET_UP, {"code": code_now(seen)})
    assert "If you opened this page twice, scan the picture below anew." in refused.content.decode()
    assert not Authenticator.objects.exists()


def test_a_seed_being_set_up_is_sealed_in_the_session(ana: Any) -> None:
    client = signed_in(ana)
    seed = seed_on(client.get(SET_UP))
    assert all(seed not in str(session.get_decoded()) for session in Session.objects.all())
    client.post(SET_UP, {"code": code_now(seed)})
    assert all("being_set_up" not in str(session.get_decoded()) for session in Session.objects.all())


def test_a_seed_in_the_session_that_no_key_opens_any_more_begins_anew(ana: Any, settings: Any) -> None:
    client = signed_in(ana)
    seed = seed_on(client.get(SET_UP))
    settings.PORTAL_DATA_KEYS = "k9:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
    page = client.post(SET_UP, {"code": code_now(seed)})
    assert page.status_code == 200
    assert seed_on(page) != seed
    assert "The picture you scanned counts no more" in page.content.decode()
    assert not Authenticator.objects.exists()


def test_neither_seed_nor_codes_reach_a_mail_the_audit_trail_or_a_row_in_the_clear(ana: Any, committed: Any) -> None:
    client = signed_in(ana)
    seed = seed_on(client.get(SET_UP))
    with committed():
        codes = codes_on(client.post(SET_UP, {"code": code_now(seed)}))
    assert len(mail.outbox) == 1
    told = " ".join(message.body + message.subject for message in mail.outbox)
    kept = str(list(AuditEntry.objects.values())) + str(list(Authenticator.objects.values()))
    assert not [word for word in [seed, *codes] if word in told + kept]


def test_setting_up_ends_the_other_sessions_and_keeps_this_one(ana: Any) -> None:
    here, elsewhere = signed_in(ana), signed_in(ana)
    seed = seed_on(here.get(SET_UP))
    here.post(SET_UP, {"code": code_now(seed)})
    assert here.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/").status_code == 302


def test_recovery_codes_are_in_one_answer_only_and_in_no_cache(ana: Any) -> None:
    client = signed_in(ana)
    done = client.post(SET_UP, {"code": code_now(seed_on(client.get(SET_UP)))})
    assert done["Cache-Control"] == "no-store"
    shown = codes_on(done)
    for path in (INDEX, SET_UP, RENEW, "/profile/"):
        page = client.get(path).content.decode()
        assert not [code for code in shown if code in page or f"{code[:4]} {code[4:]}" in page], path


def test_another_telephone_replaces_the_first_and_its_recovery_codes(ana: Any) -> None:
    old = set_up(ana)
    client = signed_in(ana, old)
    page = client.get(SET_UP)
    assert "stops working here" in page.content.decode()
    seed = seed_on(page)
    new = Telephone(ana, seed, codes_on(client.post(SET_UP, {"code": code_now(seed)})))
    assert actions_of(ana)[-1] == "access.user.mfa_replaced"
    for code, opens in ((old.code(1), False), (old.recovery_codes[0], False), (new.recovery_codes[0], True)):
        browser = Client()
        give_password(browser, ana)
        give_code(browser, code)
        assert is_signed_in(browser) is opens


def test_new_recovery_codes_end_the_old_ones(ana: Any, committed: Any) -> None:
    telephone = set_up(ana)
    client = signed_in(ana, telephone)
    assert codes_on(client.get(RENEW)) == []
    with committed():
        fresh = codes_on(client.post(RENEW))
    assert len(fresh) == 10
    assert not set(fresh) & set(telephone.recovery_codes)
    assert actions_of(ana)[-1] == "access.user.recovery_codes_renewed"
    assert "recovery codes" in mail.outbox[0].subject
    for code, opens in ((telephone.recovery_codes[1], False), (fresh[1], True)):
        browser = Client()
        give_password(browser, ana)
        give_code(browser, code)
        assert is_signed_in(browser) is opens


def test_turned_off_the_password_opens_it_and_the_other_sessions_end(ana: Any, committed: Any) -> None:
    telephone = set_up(ana)
    here, elsewhere = signed_in(ana, telephone), Client()
    give_password(elsewhere, ana)
    give_code(elsewhere, telephone.recovery_codes[0])
    here.get(OFF)
    assert Authenticator.objects.exists()
    with committed():
        assert here.post(OFF)["Location"] == INDEX
    assert not Authenticator.objects.exists()
    assert actions_of(ana)[-1] == "access.user.mfa_disabled"
    assert "is off" in mail.outbox[0].subject
    assert here.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/").status_code == 302
    signed_in(ana)


def test_the_password_alone_does_not_change_the_password(ana: Any) -> None:
    """A browser left open, and its password seen: without the telephone it stays as it is."""
    set_up(ana)
    path = "/accounts/password/change/"
    new = {"oldpassword": PASSWORD, "password1": "another-good-password", "password2": "another-good-password"}
    client = Client()
    client.force_login(ana)
    for by in (None, "password"):
        if by:
            prove(client, ana, by)
        for answer in (client.get(path), client.post(path, new)):
            assert answer["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2Fpassword%2Fchange%2F"
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)
    prove(client, ana, "code")
    client.post(path, new)
    ana.refresh_from_db()
    assert ana.check_password("another-good-password")


@pytest.mark.parametrize("path", [RENEW, OFF])
def test_without_a_factor_there_is_nothing_to_renew_or_turn_off(ana: Any, path: str) -> None:
    client = signed_in(ana)
    answer = client.post(path, follow=True)
    assert "not set up" in answer.content.decode()
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("path", [SET_UP, RENEW, OFF])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_session_left_open_is_not_enough(ana: Any, path: str, method: str) -> None:
    set_up(ana)
    client = Client()
    client.force_login(ana)
    before = list(Authenticator.objects.order_by("pk").values())
    answer = getattr(client, method)(path, {"code": "000000"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert list(Authenticator.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("path", [INDEX, SET_UP, RENEW, OFF])
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_are_sent_to_sign_in(path: str, method: str) -> None:
    answer = getattr(Client(), method)(path)
    assert (
        answer.status_code == 405
        if (path, method) == (INDEX, "post")
        else answer["Location"].startswith("/accounts/login/")
    )


def test_a_mail_server_that_is_down_does_not_undo_the_change(
    ana: Any, settings: Any, caplog: Any, committed: Any
) -> None:
    settings.EMAIL_BACKEND = "tests.access.test_mfa_pages.BrokenBackend"
    client = signed_in(ana)
    with committed():
        done = client.post(SET_UP, {"code": code_now(seed_on(client.get(SET_UP)))})
    assert len(codes_on(done)) == 10
    assert Authenticator.objects.filter(user=ana).count() == 2
    assert "no mail server" in caplog.text


class BrokenBackend:
    def __init__(self, **_: Any) -> None:
        pass

    def send_messages(self, messages: Any) -> int:
        raise OSError("no mail server")


def test_mails_speak_the_language_of_their_reader(ana: Any, committed: Any) -> None:
    User.objects.update(language="pt-br")
    ana.refresh_from_db()
    with committed():
        set_up(ana)
    assert mail.outbox[0].body.startswith("Olá")


@pytest.mark.parametrize("path", [INDEX, SET_UP, RENEW, OFF])
def test_pages_carry_no_inline_style_or_script(ana: Any, path: str) -> None:
    page = signed_in(ana, set_up(ana)).get(path).content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", page)


def test_a_set_up_at_the_same_time_in_two_windows_leaves_one_factor(ana: Any) -> None:
    """The second one replaces the first: both in full, never half of each."""
    for _window in range(2):
        actions.enable_mfa(ana, seed=actions.make_seed(), step=1, by=Actor.for_self(ana))
    assert sorted(Authenticator.objects.filter(user=ana).values_list("type", flat=True)) == ["recovery_codes", "totp"]
