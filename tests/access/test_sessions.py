"""Where one is signed in: noted as it is used, shown to its owner, ended from there, by staff, by another password."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from access import sessions
from access.actors import Actor
from access.mfa.actions import reset_mfa
from access.models import AuditEntry, UserSession
from access.tasks import remove_expired_sessions
from tests.access.second_factors import set_up
from tests.factories import make_user
from tests.people import Person

pytestmark = pytest.mark.django_db
PASSWORD = "a-good-long-password"

LIST = "/profile/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/18 Safari/604"
)


def sign_in(user: Any, agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    answer = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def text(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def is_signed_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def rows_of(user: Any) -> list[UserSession]:
    return list(UserSession.objects.filter(user=user).order_by("pk"))


# --- noted ----------------------------------------------------------------------------------------------------------


def test_signing_in_notes_the_browser_and_where_it_is() -> None:
    user = make_user()
    client = sign_in(user)
    (row,) = rows_of(user)
    assert (row.user_agent, row.address, row.ended_at) == (FIREFOX, "203.0.113.7", None)
    assert abs(row.expires_at - timezone.now() - timedelta(hours=12)) < timedelta(minutes=1)
    client.get("/profile/")
    assert len(rows_of(user)) == 1


def test_the_key_of_a_session_is_nowhere_in_the_table() -> None:
    user = make_user()
    sign_in(user)
    key = Session.objects.get().session_key
    assert key not in str(UserSession.objects.values().get())
    assert UserSession.objects.get().key_digest == sessions.digest_key(key)


def test_it_is_seen_again_at_most_once_a_minute(time_machine: TimeMachineFixture) -> None:
    user, begin = make_user(), timezone.now()
    time_machine.move_to(begin, tick=False)
    client = sign_in(user)
    time_machine.move_to(begin + timedelta(seconds=59), tick=False)
    client.get("/profile/")
    assert rows_of(user)[0].last_seen_at == begin
    time_machine.move_to(begin + timedelta(seconds=60), tick=False)
    client.get("/profile/", REMOTE_ADDR="203.0.113.99")
    assert rows_of(user)[0].last_seen_at == begin + timedelta(seconds=60)
    assert rows_of(user)[0].address == "203.0.113.99"


def test_being_seen_does_not_prolong_it_but_being_saved_does(time_machine: TimeMachineFixture) -> None:
    user, begin = make_user(), timezone.now()
    time_machine.move_to(begin, tick=False)
    client = sign_in(user)
    time_machine.move_to(begin + timedelta(hours=11), tick=False)
    assert is_signed_in(client)
    (row,) = rows_of(user)
    assert (row.last_seen_at, row.expires_at) == (begin + timedelta(hours=11), begin + timedelta(hours=12))
    client.post("/accounts/reauthenticate/", {"again-password": PASSWORD})
    assert rows_of(user)[0].expires_at == begin + timedelta(hours=23)


def test_a_session_from_before_is_noted_when_it_is_used() -> None:
    client, user = Client(), make_user()
    client.force_login(user)
    assert rows_of(user) == []
    client.get("/profile/")
    assert len(rows_of(user)) == 1


def test_nobody_signed_in_leaves_nothing() -> None:
    Client().get("/accounts/login/")
    Client().post(reverse("account_login"), {"login": "x@example.test", "password": "wrong"})
    assert not UserSession.objects.exists()


def test_signing_out_ends_the_row() -> None:
    user = make_user()
    sign_in(user).post(reverse("account_logout"))
    assert rows_of(user)[0].ended_at is not None
    assert not AuditEntry.objects.filter(action="access.session.ended").exists()


def test_somebody_else_in_the_same_browser_is_another_session() -> None:
    first, second = make_user(), make_user()
    client = sign_in(first)
    client.force_login(second)
    client.get("/profile/")
    assert [row.ended_at is None for row in rows_of(second)] == [True]
    assert sessions.find_live(first) == rows_of(first)[:1] or rows_of(first)[0].ended_at is not None


def test_a_database_that_takes_nothing_stops_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    client, user = Client(), make_user()
    client.force_login(user)

    def refuse(*_args: Any) -> bool:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(sessions, "note_session", refuse)
    assert client.get("/profile/").status_code == 200


def test_the_trail_of_a_page_costs_one_query(owner: Person, django_assert_num_queries: Any) -> None:
    owner.client.get("/profile/sessions/end/")
    with django_assert_num_queries(4):  # session, user, the row of the session, memberships
        owner.client.get("/profile/sessions/end/")


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_tells_browser_address_and_which_is_this_one() -> None:
    user = make_user()
    here = sign_in(user)
    sign_in(user, PHONE, "198.51.100.4")
    page = text(here.get(LIST))
    this, others = page.split("Other browsers")
    assert "Firefox on Linux" in this
    assert "203.0.113.7" in this
    assert "Safari on iPhone" in others
    assert "198.51.100.4" in others
    # Its own button ends it: one for all of them comes with the second.
    assert reverse("access:session-end-others") not in others
    sign_in(user, PHONE, "198.51.100.5")
    assert "End all 2 other sessions" in text(here.get(LIST))


def test_nobody_sees_or_ends_the_sessions_of_others(owner: Person, outsider: Person, officer: Person) -> None:
    sign_in(owner.user, PHONE)
    row = rows_of(owner.user)[-1]
    for person in (outsider, officer):
        assert "Safari on iPhone" not in text(person.client.get(LIST))
        assert person.client.post(f"{LIST}{row.uuid}/end/").status_code == 404
        person.client.post(f"{LIST}end/")
    row.refresh_from_db()
    assert row.ended_at is None


def test_one_is_ended_and_refused_at_its_next_click(owner: Person) -> None:
    phone, here = sign_in(owner.user, PHONE), sign_in(owner.user)
    row = next(row for row in rows_of(owner.user) if row.user_agent == PHONE)
    answer = here.post(f"{LIST}{row.uuid}/end/", follow=True)
    assert "The session in Safari on iPhone was ended." in text(answer)
    assert not is_signed_in(phone)
    assert is_signed_in(here)
    entry = AuditEntry.objects.get(action="access.session.ended")
    assert (entry.actor_user, entry.object_id) == (owner.user, str(row.uuid))
    assert here.post(f"{LIST}{row.uuid}/end/").status_code == 404


def test_the_others_are_ended_and_this_one_goes_on(owner: Person) -> None:
    others, here = [sign_in(owner.user), sign_in(owner.user, PHONE)], sign_in(owner.user)
    answer = here.post(f"{LIST}end/", follow=True)
    assert "2 other sessions were ended." in text(answer)
    assert [is_signed_in(client) for client in (*others, here)] == [False, False, True]
    assert AuditEntry.objects.filter(action="access.session.ended").count() == 2


def test_an_ended_session_gets_no_answer_meant_for_its_user(owner: Person) -> None:
    phone = sign_in(owner.user, PHONE)
    sessions.end_sessions(rows_of(owner.user), by=owner.actor)
    answer = phone.get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "Vento" not in text(phone.get("/", follow=True))


def test_ending_is_a_post_and_needs_no_looking() -> None:
    assert sign_in(make_user()).get(f"{LIST}end/").status_code == 405
    assert Client().post(f"{LIST}end/").status_code == 302


def test_a_long_list_is_cut_and_says_so() -> None:
    user = make_user()
    client = sign_in(user)
    auth = rows_of(user)[0].auth_digest
    far = timezone.now() + timedelta(hours=1)
    UserSession.objects.bulk_create(
        UserSession(user=user, key_digest=f"{n:064}", auth_digest=auth, expires_at=far) for n in range(60)
    )
    page = text(client.get(LIST))
    assert page.count("/end/") == 51
    assert "And 10 more" in page
    assert "End all 60 other sessions" in page


# --- ways round -----------------------------------------------------------------------------------------------------


def test_a_session_that_is_ended_while_it_changes_its_key_does_not_live_on(
    owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else is in my session and sets another password just as I end it: the new key must not be free."""
    stolen = sign_in(owner.user)
    row, real = rows_of(owner.user)[-1], sessions.note_session

    def end_first(request: Any, found: Any) -> bool:
        sessions.end_sessions([row], by=owner.actor)
        return real(request, found)

    monkeypatch.setattr(sessions, "note_session", end_first)
    fields = {"oldpassword": PASSWORD, "password1": "another-good-password", "password2": "another-good-password"}
    assert stolen.post(reverse("account_change_password"), fields).status_code == 302
    monkeypatch.undo()
    assert not is_signed_in(stolen)


def test_another_password_ends_the_others_and_keeps_this_one(owner: Person) -> None:
    other, here = sign_in(owner.user, PHONE), sign_in(owner.user)
    fields = {"oldpassword": PASSWORD, "password1": "another-good-password", "password2": "another-good-password"}
    here.post(reverse("account_change_password"), fields)
    assert is_signed_in(here)
    page = text(here.get(LIST))
    assert "Firefox on Linux" in page
    assert "You are signed in nowhere else." in page
    assert not is_signed_in(other)


def test_an_ended_session_is_not_taken_up_again_while_it_could_be_alive(
    owner: Person, time_machine: TimeMachineFixture
) -> None:
    client, begin = sign_in(owner.user), timezone.now()
    sessions.end_sessions(rows_of(owner.user), by=owner.actor)
    time_machine.move_to(begin + timedelta(hours=12), tick=False)
    remove_expired_sessions()
    assert len(rows_of(owner.user)) == 1
    assert not is_signed_in(client)
    time_machine.move_to(begin + timedelta(hours=13, minutes=1), tick=False)
    remove_expired_sessions()
    assert rows_of(owner.user) == []
    assert not is_signed_in(client)


@pytest.mark.parametrize("engine", ["cache", "cached_db", "file"])
def test_any_engine_of_sessions_will_do(owner: Person, settings: Any, tmp_path: Any, engine: str) -> None:
    settings.SESSION_ENGINE, settings.SESSION_FILE_PATH = f"django.contrib.sessions.backends.{engine}", str(tmp_path)
    phone, here = sign_in(owner.user, PHONE), sign_in(owner.user)
    here.post(f"{LIST}end/")
    assert [is_signed_in(phone), is_signed_in(here)] == [False, True]


def test_a_session_in_use_outlives_the_removal(owner: Person, time_machine: TimeMachineFixture) -> None:
    client, begin = sign_in(owner.user), timezone.now()
    time_machine.move_to(begin + timedelta(hours=11), tick=False)
    assert is_signed_in(client)
    remove_expired_sessions()
    assert len(rows_of(owner.user)) == 1


# --- staff ----------------------------------------------------------------------------------------------------------


def end_in_admin(person: Person, *rows: UserSession, post: bool = True) -> Any:
    uuids = {"session": [str(row.uuid) for row in rows]}
    address = reverse("admin:access_usersession_end")
    return person.client.post(address, uuids) if post else person.client.get(address, uuids)


def test_staff_end_a_session_after_a_page_that_shows_the_effect(owner: Person, officer: Person) -> None:
    client = sign_in(owner.user)
    row = rows_of(owner.user)[-1]
    page = text(end_in_admin(officer, row, post=False))
    for words in ("Firefox on Linux", "203.0.113.7", owner.user.email, "End 1 session", "with their next click"):
        assert words in page, words
    assert is_signed_in(client)
    end_in_admin(officer, row)
    assert not is_signed_in(client)
    entry = AuditEntry.objects.get(action="access.session.ended")
    assert (entry.actor_user, entry.actor_source) == (officer.user, "staff")


def test_it_takes_a_permission_of_its_own(owner: Person) -> None:
    clerk = Person(make_user(is_staff=True))
    clerk.user.user_permissions.add(Permission.objects.get(codename="view_usersession"))
    client = sign_in(owner.user)
    row = rows_of(owner.user)[-1]
    listed = text(clerk.client.get(reverse("admin:access_usersession_changelist")))
    assert "Firefox on Linux" in listed
    assert "End the selected sessions" not in listed
    assert end_in_admin(clerk, row).status_code == 403
    assert is_signed_in(client)


def test_a_colleagues_session_is_ended_by_a_superuser_only(officer: Person) -> None:
    clerk = Person(make_user(is_staff=True))
    clerk.user.user_permissions.add(Permission.objects.get(codename="end_usersession"))
    client = sign_in(officer.user)
    assert "Nothing to do" in text(end_in_admin(clerk, *rows_of(officer.user)))
    assert is_signed_in(client)


def test_the_action_of_the_list_answers_with_that_page_however_many_were_chosen(owner: Person, officer: Person) -> None:
    client = sign_in(owner.user)
    row = rows_of(owner.user)[-1]
    UserSession.objects.bulk_create(
        UserSession(user=owner.user, key_digest=f"{n:064}", auth_digest=row.auth_digest, expires_at=row.expires_at)
        for n in range(119)
    )
    chosen = [each.pk for each in rows_of(owner.user)]
    fields = {"action": "end_selected", "_selected_action": chosen}
    answer = officer.client.post(reverse("admin:access_usersession_changelist"), fields)
    page = text(answer)
    assert answer.status_code == 200
    assert f'action="{reverse("admin:access_usersession_end")}"' in page
    assert "End 120 sessions" in page
    assert is_signed_in(client)
    end_in_admin(officer, *rows_of(owner.user))
    assert not is_signed_in(client)


def end_by_another_password(owner: Person, officer: Person) -> None:
    owner.user.set_password("another-good-password")
    owner.user.save()


def end_by_reset_of_the_factor(owner: Person, officer: Person) -> None:
    reset_mfa(set_up(owner.user).user, by=officer.actor)


@pytest.mark.parametrize("change", [end_by_another_password, end_by_reset_of_the_factor])
def test_one_that_another_password_or_factor_ended_is_listed_as_over(
    owner: Person, officer: Person, change: Any
) -> None:
    sign_in(owner.user)
    (row,) = rows_of(owner.user)
    before, there = text(list_in_admin(officer, q=owner.user.email)), partial(is_listed, officer, row)
    assert (there("running"), there("over")) == (True, False)
    change(owner, officer)
    assert (there("running"), there("over")) == (False, True)
    after = text(list_in_admin(officer, q=owner.user.email))
    states = [re.findall(r"field-state.*?</svg>([^<]+)<", page) for page in (before, after)]
    assert states == [["Running"], ["Over"]]
    assert "Nothing to do" in text(end_in_admin(officer, row))


def list_in_admin(person: Person, **query: str) -> Any:
    return person.client.get(reverse("admin:access_usersession_changelist"), query)


def is_listed(person: Person, row: UserSession, state: str) -> bool:
    return row in list_in_admin(person, state=state).context["cl"].queryset


@pytest.mark.parametrize("page", ["add", "change", "delete"])
def test_nobody_makes_or_changes_one_in_the_admin(owner: Person, officer: Person, page: str) -> None:
    sign_in(owner.user)
    row = rows_of(owner.user)[-1]
    before = UserSession.objects.filter(pk=row.pk).values().get()
    address = reverse(f"admin:access_usersession_{page}", args=[] if page == "add" else [row.pk])
    assert officer.client.post(address, {"user": officer.user.pk}).status_code == 403
    assert UserSession.objects.filter(pk=row.pk).values().get() == before


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (PHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18 Safari/605", "Safari on macOS"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>", "Unknown browser"),
        ("Mozilla/5.0", "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_named_as_people_know_it(agent: str, words: str) -> None:
    assert UserSession(user_agent=agent).device == words


def test_what_a_browser_says_of_itself_is_cut_and_escaped(owner: Person) -> None:
    client = sign_in(owner.user, "<b>x</b>\x00\x1f" + "y" * 400)
    assert len(rows_of(owner.user)[-1].user_agent) <= 300
    assert "<b>x</b>" not in text(client.get(LIST))
    assert "\x00" not in rows_of(owner.user)[-1].user_agent
    assert Actor.for_self(owner.user).label
