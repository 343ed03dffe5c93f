"""See as a participant: staff look, change nothing, and leave a trace."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from access import actions, audit, seeing
from access.actors import Actor
from access.models import AuditEntry
from access.roles import Role
from tests.access.test_admin_people import staff_with
from tests.factories import make_delivery, make_webhook
from tests.people import Person
from tests.safety.world import all_rows
from tests.webhooks.pages import text

pytestmark = pytest.mark.django_db
END = "/seeing/end/"


def see(person: Person, participant: Any, reason: str = "ticket 12") -> Any:
    return person.client.post(reverse("admin:access_participant_see", args=[participant.pk]), {"reason": reason})


def traces() -> list[str]:
    return list(AuditEntry.objects.filter(action__contains=".seen").order_by("pk").values_list("action", flat=True))


@pytest.fixture
def webhook(owner: Person) -> Any:
    return make_webhook(participant=owner.participant, description="Mesa")


def test_staff_see_a_viewers_pages_and_are_told_so(officer: Person, owner: Person, webhook: Any) -> None:
    assert see(officer, owner.participant)["Location"] == "/"
    for path in ("/", reverse("webhooks:webhook-list"), reverse("dispatch:webhook-detail", args=[webhook.uuid])):
        page = text(officer.client.get(path))
        assert "Nothing can be changed." in page, path
        assert "Vento" in page
    # What needs more than a viewer's role stays closed.
    assert officer.client.get(reverse("webhooks:webhook-edit", args=[webhook.uuid])).status_code == 403


def test_beginning_and_end_are_recorded(officer: Person, owner: Person) -> None:
    see(officer, owner.participant)
    [begun] = AuditEntry.objects.filter(action="access.participant.seen")
    assert (begun.actor_user, begun.participant, begun.after["reason"]) == (
        officer.user,
        owner.participant,
        "ticket 12",
    )
    answer = officer.client.post(END)
    assert answer["Location"] == reverse("admin:access_participant_change", args=[owner.participant.pk])
    assert traces() == ["access.participant.seen", "access.participant.seen_ended"]
    assert officer.client.get(reverse("webhooks:webhook-list")).status_code == 403
    assert officer.client.post(END)["Location"] == "/"
    assert len(traces()) == 2


def test_signing_out_and_another_participant_end_it_in_the_trail(
    officer: Person, owner: Person, outsider: Person
) -> None:
    see(officer, owner.participant)
    see(officer, outsider.participant)
    officer.client.post(reverse("account_logout"))
    rows = AuditEntry.objects.filter(action__contains=".seen").order_by("pk")
    assert list(rows.values_list("action", "participant")) == [
        ("access.participant.seen", owner.participant.pk),
        ("access.participant.seen_ended", owner.participant.pk),
        ("access.participant.seen", outsider.participant.pk),
        ("access.participant.seen_ended", outsider.participant.pk),
    ]


def test_another_participant_is_not_seen(officer: Person, owner: Person, outsider: Person, webhook: Any) -> None:
    see(officer, outsider.participant)
    assert officer.client.get(reverse("dispatch:webhook-detail", args=[webhook.uuid])).status_code == 404


def test_reason_is_needed(officer: Person, owner: Person) -> None:
    assert see(officer, owner.participant, reason=" ").status_code == 200
    assert seeing.SESSION_KEY not in officer.client.session
    assert traces() == []


def test_right_of_its_own_is_needed(owner: Person) -> None:
    desk = Person(staff_with("view_participant", "change_participant", "block_participant")[0])
    page = reverse("admin:access_participant_see", args=[owner.participant.pk])
    assert (desk.client.get(page).status_code, see(desk, owner.participant).status_code) == (403, 403)
    assert "See as participant" not in text(desk.client.get(page.replace("see", "change")))
    may = Person(staff_with("see_as_participant", "view_participant")[0])
    assert see(may, owner.participant).status_code == 302


def test_members_can_not_see_as_another(owner: Person, outsider: Person) -> None:
    assert see(owner, outsider.participant).status_code in (302, 403)
    session = owner.client.session
    session[seeing.SESSION_KEY] = {
        "participant": outsider.participant.pk,
        "until": (timezone.now() + timedelta(hours=1)).isoformat(),
    }
    session.save()
    assert "Nothing can be changed." not in text(owner.client.get("/"))


@pytest.mark.parametrize("change", ["staff", "right", "active"])
def test_right_taken_away_ends_it_at_the_next_request(owner: Person, webhook: Any, change: str) -> None:
    desk = Person(staff_with("see_as_participant")[0])
    see(desk, owner.participant)
    page = reverse("dispatch:webhook-detail", args=[webhook.uuid])
    assert desk.client.get(page).status_code == 200
    if change == "right":
        desk.user.user_permissions.clear()
    else:
        setattr(desk.user, "is_staff" if change == "staff" else "is_active", False)
        desk.user.save()
    assert desk.client.get(page).status_code in (302, 403)


def test_it_ends_after_an_hour_and_with_a_block(officer: Person, owner: Person, webhook: Any) -> None:
    page = reverse("dispatch:webhook-detail", args=[webhook.uuid])
    see(officer, owner.participant)
    with time_machine.travel(timezone.now() + seeing.LASTS, tick=False):
        assert officer.client.get(page).status_code == 403
    assert officer.client.get(page).status_code == 200
    actions.block_participant(owner.participant, reason="x", by=officer.actor)
    assert officer.client.get(page).status_code == 403
    assert "nothing to look at" in text(see(officer, owner.participant))


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused_too(officer: Person, owner: Person, webhook: Any, method: str) -> None:
    see(officer, owner.participant)
    answer = getattr(officer.client, method)(reverse("webhooks:webhook-archive", args=[webhook.uuid]))
    assert answer.status_code == 403


def test_reading_writes_nothing(officer: Person, owner: Person, webhook: Any) -> None:
    delivery = make_delivery(webhook=webhook)
    see(officer, owner.participant)
    before = all_rows()
    for path in (
        "/",
        reverse("dispatch:delivery-detail", args=[delivery.uuid]),
        reverse("catalog:publication-file", args=[delivery.event.publication.uuid]),
    ):
        assert officer.client.get(path).status_code == 200, path
    assert all_rows() == before


def test_trail_takes_nothing_from_who_sees(officer: Person, owner: Person) -> None:
    """The last barrier: an action that forgot to ask is rolled back by its own audit entry."""
    actor = Actor.for_seeing(officer.user, owner.participant)
    assert actor.can(Role.VIEWER)
    assert not actor.can(Role.TECHNICAL)
    with pytest.raises(PermissionDenied), transaction.atomic():
        audit.record(by=actor, action="test.row.changed", obj=owner.participant)
    with pytest.raises(PermissionDenied):
        actions.block_participant(owner.participant, reason="x", by=actor)
    owner.participant.refresh_from_db()
    assert not owner.participant.blocked


def test_sessions_and_preferences_stay_the_officers_own(officer: Person, owner: Person) -> None:
    other = Person(officer.user).client
    see(officer, owner.participant)
    assert officer.client.post(reverse("access:session-end-others")).status_code == 302
    assert other.get("/profile/").status_code == 302
    officer.client.post(reverse("access:preferences-update"), {"theme": "dark"})
    officer.user.refresh_from_db()
    assert officer.user.theme == "dark"


def test_administration_stays_the_officers_own(officer: Person, owner: Person) -> None:
    see(officer, owner.participant)
    assert "End seeing as Vento" in text(officer.client.get(reverse("admin:index")))
    values = {"participant": str(owner.participant.uuid), "reason": "unpaid"}
    officer.client.post(reverse("admin:access_participant_block"), values)
    owner.participant.refresh_from_db()
    assert owner.participant.blocked
