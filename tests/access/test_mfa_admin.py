"""Taking a second factor away in the administration: who may, from whom, and what stays of it."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from access.models import AuditEntry, Participant
from tests.access.second_factors import Telephone, give_code, give_password, set_up
from tests.factories import make_user
from tests.people import Person, prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def telephone() -> Telephone:
    return set_up()


def clerk(*permissions: str) -> Client:
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    prove(client, user)
    return client


def address(user: Any) -> str:
    return f"/admin/access/user/{user.pk}/reset-mfa/"


def has_factor(user: Any) -> bool:
    return Authenticator.objects.filter(user=user).exists()


def test_it_takes_a_confirmation_and_leaves_a_mail_and_an_audit_entry(
    officer: Person, telephone: Telephone, django_capture_on_commit_callbacks: Any
) -> None:
    user = telephone.user
    page = officer.client.get(address(user)).content.decode()
    assert user.email in page
    assert has_factor(user)
    with django_capture_on_commit_callbacks(execute=True):
        answer = officer.client.post(address(user))
    assert answer["Location"] == f"/admin/access/user/{user.pk}/change/"
    assert not has_factor(user)
    entry = AuditEntry.objects.get(action="access.user.mfa_reset")
    assert (entry.actor_source, entry.actor_user, entry.object_id) == ("staff", officer.user, str(user.uuid))
    (told,) = mail.outbox
    assert told.to == [user.email]
    assert "taken away" in told.subject


def test_an_open_browser_of_an_officer_is_not_enough(officer: Person, telephone: Telephone) -> None:
    answer = officer.stale_client.post(address(telephone.user))
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert has_factor(telephone.user)


def test_every_session_of_theirs_ends(officer: Person, telephone: Telephone) -> None:
    theirs = Client()
    give_password(theirs, telephone.user)
    give_code(theirs, telephone.code())
    assert theirs.get("/profile/").status_code == 200
    officer.client.post(address(telephone.user))
    assert theirs.get("/profile/").status_code == 302


@pytest.mark.parametrize("permissions", [(), ("view_user",), ("view_user", "change_user"), ("reset_mfa",)])
@pytest.mark.parametrize("method", ["get", "post"])
def test_it_has_a_permission_of_its_own(telephone: Telephone, permissions: tuple[str, ...], method: str) -> None:
    assert getattr(clerk(*permissions), method)(address(telephone.user)).status_code == 403
    assert has_factor(telephone.user)


def test_with_the_permission_a_clerk_may_but_not_from_a_colleague(telephone: Telephone) -> None:
    colleague = set_up(make_user(is_staff=True))
    client = clerk("view_user", "reset_mfa")
    assert client.post(address(colleague.user)).status_code == 403
    assert has_factor(colleague.user)
    client.post(address(telephone.user))
    assert not has_factor(telephone.user)


def test_nobody_takes_away_their_own(officer: Person) -> None:
    """It would be a way around the proof that one's own pages ask for."""
    set_up(officer.user)
    client = Client()
    client.force_login(officer.user)
    assert client.post(address(officer.user)).status_code == 403
    assert has_factor(officer.user)


def test_without_a_factor_the_page_says_so_and_a_press_changes_nothing(officer: Person) -> None:
    user = make_user()
    assert "has no second factor" in officer.client.get(address(user)).content.decode()
    answer = officer.client.post(address(user), follow=True)
    assert "not set up" in answer.content.decode()
    assert not AuditEntry.objects.filter(action="access.user.mfa_reset").exists()
    assert officer.client.get("/admin/access/user/987654/reset-mfa/").status_code == 404


def test_the_list_tells_who_has_one_and_filters_by_it(officer: Person, telephone: Telephone) -> None:
    found = officer.client.get("/admin/access/user/", {"second_factor": "yes"}).context["cl"].queryset
    assert list(found) == [telephone.user]
    others = officer.client.get("/admin/access/user/", {"second_factor": "no"}).context["cl"].queryset
    assert telephone.user not in others
    assert officer.user in others


def test_the_button_is_on_the_page_of_who_has_one_only(officer: Person, telephone: Telephone) -> None:
    page = f"/admin/access/user/{telephone.user.pk}/change/"
    assert "reset-mfa" in officer.client.get(page).content.decode()
    assert "reset-mfa" not in clerk("view_user", "change_user").get(page).content.decode()
    Authenticator.objects.all().delete()
    assert "reset-mfa" not in officer.client.get(page).content.decode()


def test_factors_themselves_have_no_page() -> None:
    assert not admin.site.is_registered(Authenticator)


def test_what_a_participant_demands_is_set_by_staff_and_audited(officer: Person, owner: Person) -> None:
    participant = owner.participant
    page = f"/admin/access/participant/{participant.pk}/change/"
    form = officer.client.get(page).context["adminform"].form
    values = {name: form[name].value() for name in form.fields} | {"mfa_demanded": "on"}
    management = {f"memberships-{key}": "0" for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    officer.client.post(page, values | management)
    assert Participant.objects.get(pk=participant.pk).mfa_demanded
    entry = AuditEntry.objects.filter(action="access.participant.updated").latest("pk")
    assert (entry.before, entry.after) == ({"mfa_demanded": False}, {"mfa_demanded": True})


def test_the_command_helps_who_has_no_colleague(telephone: Telephone, capsys: Any) -> None:
    email = telephone.user.email
    call_command("reset_mfa", email.upper(), "--dry-run")
    assert has_factor(telephone.user)
    call_command("reset_mfa", email.upper())
    assert not has_factor(telephone.user)
    assert AuditEntry.objects.get(action="access.user.mfa_reset").actor_label == "reset_mfa command"
    assert "gone" in capsys.readouterr().out


@pytest.mark.parametrize(("email", "complaint", "code"), [("nobody@vento.test", "no user", 2), ("", "no user", 2)])
def test_the_command_says_what_it_can_t_do(email: str, complaint: str, code: int) -> None:
    with pytest.raises(CommandError, match=complaint) as refused:
        call_command("reset_mfa", email)
    assert refused.value.returncode == code
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("reset_mfa", make_user().email)
