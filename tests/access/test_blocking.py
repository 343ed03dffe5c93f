from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client

from access import actions, slots
from access.errors import ActionError
from access.models import AuditEntry, Participant
from access.signals import participant_changed
from tests.access.test_admin_people import staff_with
from tests.factories import make_participant

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard():
    """What a floor above hears, and whether it hears it inside the transaction."""
    news = []

    def hear(sender, participant, blocked, **_):
        news.append((sender, participant.pk, blocked, transaction.get_connection().in_atomic_block))

    participant_changed.connect(hear)
    yield news
    participant_changed.disconnect(hear)


def test_block_keeps_the_reason_tells_the_floors_above_and_is_recorded(owner, officer, heard):
    actions.block_participant(owner.participant, reason="  unpaid  ", by=officer.actor)
    owner.participant.refresh_from_db()
    assert (owner.participant.blocked, owner.participant.blocked_reason) == (True, "unpaid")
    assert heard == [(Participant, owner.participant.pk, True, True)]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.participant) == ("access.participant.blocked", owner.participant)
    assert (entry.before, entry.after) == ({"blocked": False}, {"blocked": True, "reason": "unpaid"})


def test_unblock_takes_it_all_back(owner, officer, heard):
    actions.block_participant(owner.participant, reason="unpaid", by=officer.actor)
    actions.unblock_participant(owner.participant, by=officer.actor)
    owner.participant.refresh_from_db()
    assert (owner.participant.blocked, owner.participant.blocked_reason) == (False, "")
    assert heard[1] == (Participant, owner.participant.pk, False, True)
    assert AuditEntry.objects.first().before == {"blocked": True, "reason": "unpaid"}


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_missing"), (" \n", "reason_missing"), ("x" * 501, "reason_too_long")]
)
def test_block_without_a_proper_reason_is_refused(owner, officer, heard, reason, code):
    with pytest.raises(ActionError) as refused:
        actions.block_participant(owner.participant, reason=reason, by=officer.actor)
    assert refused.value.code == code
    owner.participant.refresh_from_db()
    assert not owner.participant.blocked
    assert not heard
    assert not AuditEntry.objects.exists()


def test_second_block_and_second_unblock_are_refused(owner, officer, heard):
    with pytest.raises(ActionError) as refused:
        actions.unblock_participant(owner.participant, by=officer.actor)
    assert refused.value.code == "not_blocked"
    actions.block_participant(owner.participant, reason="unpaid", by=officer.actor)
    with pytest.raises(ActionError) as refused:
        actions.block_participant(owner.participant, reason="again", by=officer.actor)
    assert refused.value.code == "already_blocked"
    assert len(heard) == AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_block_is_undone_when_a_floor_above_can_not_follow(officer):
    participant = make_participant()

    def fail(**_):
        raise RuntimeError("no room")

    participant_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            actions.block_participant(participant, reason="unpaid", by=officer.actor)
    finally:
        participant_changed.disconnect(fail)
    participant.refresh_from_db()
    assert not participant.blocked
    assert not AuditEntry.objects.exists()


def url(verb, *participants):
    return f"/admin/access/participant/{verb}/?" + "&".join(f"participant={each.uuid}" for each in participants)


def test_confirmation_page_shows_who_is_concerned_and_changes_nothing(officer, owner, teammate):
    with slots.filled("participants_block_effect", lambda request, *, participants: f"{len(participants)} held"):
        answer = officer.client.get(url("block", owner.participant))
    words = answer.content.decode()
    assert "Vento" in words
    assert owner.participant.formatted_cnpj in words
    assert "1 held" in words
    assert answer.context["participants"][0].members == 2
    owner.participant.refresh_from_db()
    assert not owner.participant.blocked


def test_officer_blocks_after_giving_a_reason_and_unblocks(officer, owner, outsider):
    both = [owner.participant, outsider.participant]
    uuids = [str(each.uuid) for each in both]
    answer = officer.client.post("/admin/access/participant/block/", {"participant": uuids, "reason": "unpaid"})
    assert answer["Location"] == "/admin/access/participant/"
    assert not Participant.objects.open().exists()
    words = officer.client.get(url("unblock", *both)).content.decode()
    assert "unpaid" in words
    officer.client.post("/admin/access/participant/unblock/", {"participant": uuids})
    assert Participant.objects.open().count() == 2
    assert {entry.actor_user for entry in AuditEntry.objects.all()} == {officer.user}


def test_block_without_reason_says_so_beside_the_field(officer, owner):
    answer = officer.client.post(
        "/admin/access/participant/block/", {"participant": owner.participant.uuid, "reason": " "}
    )
    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == {"reason"}
    owner.participant.refresh_from_db()
    assert not owner.participant.blocked


def test_pressing_twice_or_on_nothing_says_that_there_is_nothing_to_do(officer, owner):
    values = {"participant": owner.participant.uuid, "reason": "unpaid"}
    officer.client.post("/admin/access/participant/block/", values)
    answer = officer.client.post("/admin/access/participant/block/", values)
    assert answer.status_code == 200
    assert "Nothing to do" in answer.content.decode()
    assert AuditEntry.objects.count() == 1
    for ids in ("", "?participant=nonsense", f"?participant={uuid4()}", "?participant=%00"):
        assert officer.client.get(f"/admin/access/participant/unblock/{ids}").status_code == 200


def test_block_that_somebody_else_made_first_is_said_and_nothing_is_done_by_halves(
    officer, owner, outsider, monkeypatch
):
    block = actions.block_participant

    def block_unless_late(participant, **values):
        if participant == owner.participant:
            raise ActionError("already_blocked", "Vento is already blocked.")
        return block(participant, **values)

    monkeypatch.setattr(actions, "block_participant", block_unless_late)
    values = {"participant": [owner.participant.uuid, outsider.participant.uuid], "reason": "unpaid"}
    answer = officer.client.post("/admin/access/participant/block/", values, follow=True)
    assert "Vento is already blocked." in answer.content.decode()
    assert Participant.objects.open().count() == 2
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("verb", ["block", "unblock"])
def test_permission_of_its_own_is_needed(owner, outsider, verb):
    _desk, client = staff_with("change_participant", "view_participant")
    values = {"participant": owner.participant.uuid, "reason": "unpaid"}
    assert client.get(url(verb, owner.participant)).status_code == 403
    assert client.post(f"/admin/access/participant/{verb}/", values).status_code == 403
    assert outsider.client.post(f"/admin/access/participant/{verb}/", values, follow=True).status_code == 403
    assert Client().post(f"/admin/access/participant/{verb}/", values).status_code == 302
    page = client.get(f"/admin/access/participant/{owner.participant.pk}/change/").content.decode()
    assert "/block/" not in page
    owner.participant.refresh_from_db()
    assert not owner.participant.blocked
    assert not AuditEntry.objects.exists()


def test_list_and_page_lead_to_the_confirmation(officer, owner):
    selected = {"action": "block_selected", "_selected_action": [owner.participant.pk]}
    answer = officer.client.post("/admin/access/participant/", selected)
    assert answer["Location"] == url("block", owner.participant)
    page = officer.client.get(f"/admin/access/participant/{owner.participant.pk}/change/").content.decode()
    assert url("block", owner.participant) in page
    owner.participant.refresh_from_db()
    assert not owner.participant.blocked
