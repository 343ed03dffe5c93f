import pytest
from django.test import Client
from django.utils import timezone

from access.models import AuditEntry, Participant
from tests.access.test_audit import entry_by
from tests.factories import make_member, make_participant, make_user
from tests.people import Person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.pages")]


def block(participant):
    Participant.objects.filter(pk=participant.pk).update(blocked_at=timezone.now(), blocked_reason="unpaid")


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("role", "open_pages"),
    [
        ("viewer", {"viewer"}),
        ("technical", {"viewer", "technical"}),
        ("administrator", {"viewer", "technical", "administrator"}),
    ],
)
def test_page_opens_to_its_role_and_those_above(owner, role, open_pages):
    client = signed_in(make_member(make_user(), owner.participant, role).user)
    answers = {page: client.get(f"/{page}/").status_code for page in ("viewer", "technical", "administrator")}
    assert {page for page, status in answers.items() if status == 200} == open_pages
    assert set(answers.values()) <= {200, 403}


def test_refused_role_is_told_what_is_needed_and_who_can_help(owner, viewer):
    answer = viewer.client.get("/administrator/")
    words = answer.content.decode()
    assert answer.status_code == 403
    assert "“Viewer”" in words
    assert "“Administrator”" in words
    assert "Owner" in words


def test_anonymous_goes_to_sign_in_and_comes_back(db):
    answer = Client().get("/viewer/?page=2")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/viewer/%3Fpage%3D2"
    assert Client().post("/viewer/")["Location"] == "/accounts/login/?next=/"


def test_anonymous_fragment_sends_the_whole_page_to_sign_in(db):
    answer = Client().get("/viewer/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"], answer.content) == (401, "/accounts/login/", b"")


def test_row_of_another_participant_is_not_found(owner, teammate, outsider):
    """X-4"""
    entry = entry_by(owner.actor)
    assert owner.client.get(f"/entry/{entry.uuid}/").status_code == 200
    assert teammate.client.get(f"/entry/{entry.uuid}/").status_code == 200
    assert outsider.client.get(f"/entry/{entry.uuid}/").status_code == 404


def test_officer_without_membership_sees_no_row_and_is_shown_the_administration(owner, officer):
    entry = entry_by(owner.actor)
    answer = officer.client.get(f"/entry/{entry.uuid}/")
    assert answer.status_code == 403
    assert entry.action not in answer.content.decode()
    assert 'href="/admin/"' in answer.content.decode()


def test_user_without_participant_is_told_so(db):
    answer = signed_in(make_user(email="alone@vento.test")).get("/viewer/")
    words = answer.content.decode()
    assert answer.status_code == 403
    assert "belongs to no participant yet" in words
    assert "alone@vento.test" in words
    assert 'href="/admin/"' not in words


def test_user_whose_only_participant_is_blocked_is_told_so_without_the_reason(owner):
    block(owner.participant)
    answer = owner.client.get("/viewer/")
    words = answer.content.decode()
    assert answer.status_code == 403
    assert "Your participant is blocked" in words
    assert "Vento" in words
    assert "unpaid" not in words


def test_inactive_user_is_signed_out_at_once(owner):
    assert owner.client.get("/viewer/").status_code == 200
    owner.user.is_active = False
    owner.user.save()
    assert owner.client.get("/viewer/")["Location"].startswith("/accounts/login/")


def test_ended_membership_closes_the_page_at_once(owner, teammate):
    assert teammate.client.get("/viewer/").status_code == 200
    teammate.membership.delete()
    assert teammate.client.get("/viewer/").status_code == 403
    assert owner.client.get("/viewer/").status_code == 200


@pytest.fixture
def double(owner):
    """Somebody of two participants: viewer of the first, administrator of the second."""
    user = make_user()
    first = make_member(user, owner.participant, "viewer")
    make_member(user, make_participant(name="Serra"), "administrator")
    return Person(user, first)


def switch(person, participant, **over):
    return person.client.post("/participant/", {"participant": str(participant.uuid)} | over)


def test_member_of_two_starts_with_the_older_membership_and_switches(double):
    serra = Participant.objects.get(name="Serra")
    assert double.client.get("/viewer/").content == b"Vento viewer"
    assert double.client.get("/technical/").status_code == 403
    answer = switch(double, serra)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert double.client.get("/technical/").content == b"Serra administrator"


def test_nobody_switches_to_a_participant_that_is_not_theirs(double, outsider):
    blocked = make_member(double.user, make_participant(), "viewer").participant
    block(blocked)
    for participant in (outsider.participant, blocked):
        assert switch(double, participant).status_code == 404
        assert double.client.get("/viewer/").content == b"Vento viewer"
    assert double.client.post("/participant/", {"participant": "nonsense"}).status_code == 404
    assert double.client.post("/participant/").status_code == 404


def test_switch_takes_only_post_of_somebody_signed_in(double, owner):
    assert double.client.get("/participant/").status_code == 405
    answer = Client().post("/participant/", {"participant": str(owner.participant.uuid)})
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("end", ["block", "membership"])
def test_nobody_works_for_another_participant_without_noticing(double, end):
    """A form typed for one participant must not be saved for another because the first was closed meanwhile."""
    assert double.client.get("/viewer/").content == b"Vento viewer"
    if end == "block":
        block(double.participant)
    else:
        double.membership.delete()
    answer = double.client.get("/viewer/")
    words = answer.content.decode()
    assert answer.status_code == 403
    assert "Choose a participant" in words
    assert "Serra" in words
    switch(double, Participant.objects.get(name="Serra"))
    assert double.client.get("/viewer/").content == b"Serra administrator"


def test_membership_added_later_does_not_move_anybody(owner):
    assert owner.client.get("/viewer/").content == b"Vento administrator"
    make_member(owner.user, make_participant(name="Abaco"), "viewer")
    assert owner.client.get("/viewer/").content == b"Vento administrator"


def test_page_costs_three_queries(owner, django_assert_num_queries):
    client = owner.client
    with django_assert_num_queries(4):  # session, user, the row of the session, memberships
        client.get("/viewer/")


def test_number_of_memberships_does_not_change_the_number_of_queries(owner, django_assert_num_queries):
    for _ in range(5):
        make_member(owner.user, make_participant(), "viewer")
    owner.client.get("/viewer/")
    with django_assert_num_queries(4):
        owner.client.get("/viewer/")


def test_pages_ask_nothing_of_the_trail(owner):
    owner.client.get("/viewer/")
    assert not AuditEntry.objects.exists()
