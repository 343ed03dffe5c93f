"""Who orders an erasure, and how: the command, and the page of the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from access.models import AuditEntry, Erasure, Participant
from dispatch.models import Delivery
from portal import erasing
from portal.tasks import erase_participants
from tests.factories import (
    make_participant,
    make_user,
)
from tests.people import Person
from tests.portal.condemned import MARK, places_of

pytestmark = pytest.mark.django_db


# --- the command ------------------------------------------------------------------------------------------------


def test_the_command_says_what_would_go_and_changes_nothing(condemned: Person, capsys: Any) -> None:
    call_command("erase_participant", condemned.participant.formatted_cnpj, "--dry-run")
    said = capsys.readouterr().out
    assert "         7  notifications with their attempts" in said
    assert "         2  people who belong to no other participant" in said
    assert Delivery.objects.count() == 7
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--reason", "over", "--confirmed", "00.000.000/0000-00"], "not its CNPJ"),
        (["--confirmed", "the cnpj"], "reason"),
    ],
)
def test_the_command_refuses_without_the_cnpj_and_a_reason(condemned: Person, words: list[str], says: str) -> None:
    cnpj = condemned.participant.cnpj
    words = [cnpj if word == "the cnpj" else word for word in words]
    with pytest.raises(CommandError, match=says) as refused:
        call_command("erase_participant", cnpj, *words)
    assert refused.value.returncode == 2
    assert not Erasure.objects.exists()


def test_the_command_erases_to_the_end_lists_and_may_be_repeated(condemned: Person, capsys: Any) -> None:
    participant = condemned.participant
    call_command("erase_participant", participant.cnpj, "--reason", "over", "--confirmed", participant.cnpj)
    assert f"erased: {participant.uuid}" in capsys.readouterr().out
    assert places_of(MARK) == set()
    call_command("erase_participant", str(participant.uuid))
    call_command("erase_participant", "--list")
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{participant.uuid} ")
    with pytest.raises(CommandError, match="no such participant"):
        call_command("erase_participant", "12.345.678/0001-95")


def test_the_command_waits_anew_whenever_something_went(condemned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now, rounds = [0.0], iter([True, True, True, False])
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def carry_on(erasure: Erasure, *, ends_at: float, tell: Any) -> bool:
        going = next(rounds)
        now[0] += 200.0
        tell("notifications: 500")
        return not going

    monkeypatch.setattr(erasing, "carry_on", carry_on)
    cnpj = condemned.participant.cnpj
    call_command("erase_participant", cnpj, "--reason", "over", "--confirmed", cnpj)
    assert next(rounds, None) is None


# --- the page of the admin --------------------------------------------------------------------------------------


def page_of(participant: Participant) -> str:
    return reverse("admin:access_participant_erase", args=[participant.pk])


def test_the_page_says_what_goes_and_changes_nothing(officer: Person, condemned: Person) -> None:
    shown = officer.client.get(page_of(condemned.participant)).content.decode()
    assert '<tr><td>notifications with their attempts</td><td class="number">7</td></tr>' in shown
    assert not Erasure.objects.exists()


def test_the_page_counts_no_further_than_it_tells(condemned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dispatch.backlog", "portal.erasing"):
        monkeypatch.setattr(f"{name}.COUNTED_AT_MOST", 3)
    plan = {str(words): number for words, number in erasing.plan_erasure(condemned.participant)}
    assert plan["notifications with their attempts"] == "3+"


@pytest.mark.parametrize("given", [{"cnpj": "other"}, {"reason": ""}, {"cnpj": ""}])
def test_a_slip_of_the_finger_erases_nobody(officer: Person, condemned: Person, given: dict[str, str]) -> None:
    other = make_participant()
    values = {"cnpj": condemned.participant.cnpj, "reason": "contract 12"} | given
    values["cnpj"] = other.cnpj if values["cnpj"] == "other" else values["cnpj"]
    assert "errors" in officer.client.post(page_of(condemned.participant), values).content.decode()
    assert not Erasure.objects.exists()
    assert not Participant.objects.get(pk=condemned.participant.pk).blocked


def test_an_officer_orders_it_and_sees_how_far_it_is(officer: Person, condemned: Person) -> None:
    participant = condemned.participant
    values = {"cnpj": participant.formatted_cnpj, "reason": "contract 12"}
    ordered = officer.client.post(page_of(participant), values, follow=True).content.decode()
    assert "Being erased by a job" in ordered
    entry = AuditEntry.objects.get(action="access.participant.erasure_requested")
    assert (entry.actor_user, entry.after) == (officer.user, {"reason": "contract 12"})
    assert Delivery.objects.count() == 7
    # Pressed twice: one order.
    officer.client.post(page_of(participant), values)
    erase_participants()
    done = officer.client.get(page_of(participant)).content.decode()
    assert "Erased." in done
    assert MARK not in done.lower()
    change = reverse("admin:access_participant_change", args=[participant.pk])
    assert officer.client.post(change, {"name": "again", "cnpj": participant.cnpj, "kind": "bank"}).status_code == 403


def test_it_takes_a_permission_of_its_own(condemned: Person, outsider: Person) -> None:
    staff = Person(make_user(email="clerk@operator.test", is_staff=True))
    for codename in ("view_participant", "change_participant", "block_participant"):
        staff.user.user_permissions.add(Permission.objects.get(codename=codename))
    values = {"cnpj": condemned.participant.cnpj, "reason": "contract 12"}
    for person in (staff, condemned, outsider):
        assert person.client.post(page_of(condemned.participant), values, follow=True).status_code == 403
    assert not Erasure.objects.exists()
    staff.user.user_permissions.add(Permission.objects.get(codename="erase_participant"))
    assert staff.client.post(page_of(condemned.participant), values).status_code == 302
