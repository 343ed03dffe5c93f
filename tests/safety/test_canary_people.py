"""What opens an account as canaries: passwords, seeds, recovery codes, the link of a mail, the session (X-3)."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from access.mfa import seeds, totp
from access.models import User
from tests.canary import Search, look_everywhere, plant
from tests.people import Person
from tests.safety.administering import save_everything

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

LOGIN, CODE = "/accounts/login/", "/accounts/two-step/code/"
SET_UP, RENEW = "/accounts/two-step/set-up/", "/accounts/two-step/recovery-codes/"

# Where a session's own row stands besides its table: the database's file, Django's dump of all rows.
# Several processes of tests have a file each.
KEPT_AS_A_SESSION_IS = re.compile(r"export: dumpdata|file: test\.sqlite3(_gw\d+)?(-wal)?")


class Life:
    """A technical user from the first password to the loss of the telephone, with all that goes wrong on the way."""

    def __init__(self, owner: Person, officer: Person, search: Search) -> None:
        self.user, self.officer, self.search = owner.colleague("technical").user, officer, search
        self.passwords = {
            name: plant() for name in ("first", "changed", "by mail", "by staff", "wrong", "typed as name")
        }
        self.seeds: list[str] = []
        self.codes: list[str] = []
        self.keys: list[str] = []
        self.sessions: set[str] = set()
        self.client = self.browser()
        self.user.set_password(self.passwords["first"])
        self.user.save()

    def browser(self) -> Client:
        return Client(raise_request_exception=False)

    def ask(self, path: str, form: dict[str, Any] | None = None, *, shown: bool = False) -> Any:
        """`shown`: the page shows a seed or codes, this once, to the one whose they are."""
        response = self.client.get(path) if form is None else self.client.post(path, form)
        if not shown:
            self.search.add(f"page: {path}", f"{dict(response.headers)} {response.content.decode()}")
        if (cookie := self.client.cookies.get("session")) and cookie.value:
            self.sessions.add(cookie.value)
        return response

    def code(self, steps: int = 0) -> str:
        return totp.code_at(self.seeds[-1], totp.step_at(time.time()) + steps)

    def sign_in(self) -> None:
        words = {"login": self.user.email, "password": self.passwords["wrong"]}
        assert self.ask(LOGIN, words).status_code == 200
        # Typed into the wrong field, as people do.
        assert self.ask(LOGIN, {"login": self.passwords["typed as name"], "password": "x"}).status_code == 200
        assert self.ask(LOGIN, words | {"password": self.passwords["first"]}).status_code == 302
        assert self.ask("/profile/").status_code == 200

    def change_password(self) -> None:
        path, own = "/accounts/password/change/", self.passwords
        new = {"password1": own["changed"], "password2": own["changed"]}
        assert self.ask(path, {"oldpassword": own["wrong"]} | new).status_code == 200
        assert self.ask(path, {"oldpassword": own["first"]} | new).status_code == 302
        self.user.refresh_from_db()
        assert self.user.check_password(own["changed"])

    def crash(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("broken on purpose")

        with monkeypatch.context() as patched, self.search.reading_error_reports() as reports:
            patched.setattr(User, "set_password", broken)
            new = {"password1": self.passwords["by mail"], "password2": self.passwords["by mail"]}
            form = {"oldpassword": self.passwords["changed"]} | new
            assert self.ask("/accounts/password/change/", form).status_code == 500
        assert reports

    def set_up_factor(self) -> None:
        page = self.ask(SET_UP, shown=True).content.decode()
        shown = re.search(r'two-step-key">([A-Z2-7 ]+)<', page)
        assert shown
        self.seeds.append(shown[1].replace(" ", ""))
        assert self.ask(SET_UP, {"code": "000000"}, shown=True).status_code == 200
        done = self.ask(SET_UP, {"code": self.code()}, shown=True)
        self.keep_codes(done)

    def keep_codes(self, page: Any) -> None:
        found = re.findall(r'class="mono">(\d{4} \d{4})<', page.content.decode())
        assert len(found) == 10
        self.codes += [code.replace(" ", "") for code in found]
        self.seeds += [self.recovery_seed()]

    def recovery_seed(self) -> str:
        row = Authenticator.objects.get(user=self.user, type=Authenticator.Type.RECOVERY_CODES)
        with seeds.owned_by(self.user):
            return seeds.MFAAdapter().decrypt(row.data["seed"])

    def use_factor(self) -> None:
        self.ask("/accounts/logout/", {})
        assert self.ask(LOGIN, {"login": self.user.email, "password": self.passwords["changed"]}).status_code == 302
        assert self.ask(CODE, {"code": self.codes[0]}).status_code == 302
        assert self.ask("/profile/").status_code == 200
        self.keep_codes(self.ask(RENEW, {}, shown=True))
        call_command("rotate_secrets")

    def lose_everything(self) -> None:
        """Staff take the factor away, a mail gives a new password, and staff give another one."""
        officer = self.officer.client
        assert officer.post(reverse("admin:access_user_reset_mfa", args=[self.user.pk])).status_code == 302
        self.client = self.browser()
        assert self.ask("/accounts/password/reset/", {"email": self.user.email}).status_code == 302
        links = [each.body for each in mail.outbox if "/password/reset/key/" in each.body]
        [path] = re.findall(r"/accounts/password/reset/key/\S+", links[-1])
        self.keys.append(path.rstrip("/").rpartition("/")[2].partition("-")[2])
        form = {"password1": self.passwords["by mail"], "password2": self.passwords["by mail"]}
        self.link = path
        page = self.client.get(path)
        assert page.status_code == 302
        assert b"password1" in self.client.get(page["Location"]).content
        assert self.ask(page["Location"], form).status_code == 302
        path = reverse("admin:auth_user_password_change", args=[self.user.pk])
        form = {"password1": self.passwords["by staff"], "password2": self.passwords["by staff"]}
        assert officer.post(path, form | {"usable_password": "true"}).status_code == 302
        self.user.refresh_from_db()
        assert self.user.check_password(self.passwords["by staff"])

    def look(self) -> None:
        officer = self.officer.client
        assert save_everything(officer) >= 2
        for name in ("changelist", "change", "history"):
            arguments = [] if name == "changelist" else [self.user.pk]
            path = reverse(f"admin:access_user_{name}", args=arguments)
            answer = officer.get(path)
            assert answer.status_code == 200
            self.search.add(f"page: officer: {path}", answer.content.decode())
        audit = officer.get(reverse("admin:access_auditentry_changelist")).content.decode()
        self.search.add("page: officer: audit", audit)


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


def test_nothing_that_opens_an_account_is_found_anywhere(
    owner: Person,
    officer: Person,
    lines: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    memory_broker: str,
    tmp_path: Path,
) -> None:
    """X-3. Also what was typed wrongly: it is somebody's password too, elsewhere or with one letter less."""
    search = Search()
    life = Life(owner, officer, search)
    life.sign_in()
    life.change_password()
    life.crash(monkeypatch)
    life.set_up_factor()
    life.use_factor()
    life.lose_everything()
    life.look()
    search.add("log", lines())
    assert "broken on purpose" in lines()
    look_everywhere(search, tmp_path, memory_broker)
    assert len(life.codes) == 20
    leaks = {f"password {name}": search.places_of(secret) for name, secret in life.passwords.items()}
    leaks |= {f"seed {number}": search.places_of(seed) for number, seed in enumerate(life.seeds)}
    # What was typed as a name is shown to the one who typed it.
    leaks["password typed as name"] -= {f"page: {LOGIN}"}
    assert not any(leaks.values()), json.dumps({name: sorted(places) for name, places in leaks.items()}, indent=1)
    # Eight digits: halves of them are everywhere.
    together = [(place, content) for place, content in search.texts]
    written = [form for code in life.codes for form in (code, f"{code[:4]} {code[4:]}")]
    assert {place for place, content in together for code in written if code in content} == set()
    # The key of the link is for its reader; allauth keeps it in the session of the page. Once used it opens nothing.
    found = {place for key in life.keys for place in search.places_of(key)}
    elsewhere = {place for place in found if "session" not in place and not KEPT_AS_A_SESSION_IS.fullmatch(place)}
    assert elsewhere == {"mail"}
    assert b"password1" not in Client().get(life.link, follow=True).content
    assert len(life.sessions) > 2
    kept = {place for session in life.sessions for place in search.places_of(session)}
    # A page sets the cookie; nothing else tells which one it is.
    elsewhere = {place for place in kept if not KEPT_AS_A_SESSION_IS.fullmatch(place)}
    assert not [place for place in elsewhere if not place.startswith(("page: ", "database: django_session"))]
