import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from access.models import Membership, Participant, ParticipantKind, Role, User
from tests.factories import make_member, make_participant, make_user

pytestmark = pytest.mark.django_db


def refused(make):
    with pytest.raises(IntegrityError), transaction.atomic():
        make()
    return True


def test_an_address_is_one_whatever_its_case():
    user = User.objects.create_user("Ana.Lima@Vento.Test", "a-good-long-password", name="Ana")
    assert user.email == "ana.lima@vento.test"
    assert User.objects.get(email="ANA.LIMA@vento.test") == user
    assert User.objects.get_by_natural_key("Ana.Lima@vento.test") == user
    assert refused(lambda: make_user(email="ANA.lima@vento.test"))


def test_database_refuses_an_address_in_capitals():
    user = make_user()
    with connection.cursor() as cursor, pytest.raises(IntegrityError), transaction.atomic():
        cursor.execute("UPDATE access_user SET email = 'A@vento.test' WHERE id = %s", [user.pk])


def test_database_refuses_what_no_list_knows():
    user, participant = make_user(), make_participant()
    assert refused(lambda: User.objects.filter(pk=user.pk).update(theme="sepia"))
    assert refused(lambda: Participant.objects.filter(pk=participant.pk).update(kind="circus"))
    assert refused(lambda: make_member(user, participant, role="owner"))


def test_database_refuses_a_second_membership_of_one_user_at_one_participant():
    user, participant = make_user(), make_participant()
    make_member(user, participant, "viewer")
    assert refused(lambda: make_member(user, participant, "administrator"))


def test_database_refuses_two_participants_of_one_cnpj_and_one_of_a_wrong_length():
    make_participant(cnpj="12ABC34501DE35")
    assert refused(lambda: make_participant(cnpj="12ABC34501DE35"))
    assert refused(lambda: make_participant(cnpj="12ABC34501DE3"))


def test_database_refuses_a_block_without_reason_and_a_reason_without_block():
    participant = make_participant()
    rows = Participant.objects.filter(pk=participant.pk)
    assert refused(lambda: rows.update(blocked_at=timezone.now()))
    assert refused(lambda: rows.update(blocked_reason="unpaid"))


def test_evidence_of_people_is_not_deleted_with_them(owner):
    for row in (owner.user, owner.participant):
        with pytest.raises(ProtectedError):
            row.delete()


def test_names_shown_to_people():
    assert make_user(name="Ana Lima").display_name == "Ana Lima"
    assert make_user(name="Ana Lima").get_short_name() == "Ana"
    nameless = make_user(name="", email="nobody@vento.test")
    assert (nameless.display_name, nameless.get_short_name()) == ("nobody@vento.test", "nobody@vento.test")
    assert make_participant(cnpj="12ABC34501DE35").formatted_cnpj == "12.ABC.345/01DE-35"


def test_open_participants_are_those_not_blocked():
    free = make_participant()
    make_participant(blocked_at=timezone.now(), blocked_reason="unpaid")
    assert list(Participant.objects.open()) == [free]


def test_superuser_enters_the_administration():
    user = User.objects.create_superuser("root@operator.test", "a-good-long-password", name="Root")
    assert (user.is_staff, user.is_superuser) == (True, True)


@pytest.mark.parametrize("low", Role)
@pytest.mark.parametrize("high", Role)
def test_each_role_includes_those_before_it(low, high):
    order = ["viewer", "technical", "administrator"]
    assert high.includes(low) == (order.index(high) >= order.index(low))


def test_kinds_of_participants_have_names():
    assert all(kind.label for kind in ParticipantKind)


def test_administrators_are_named_to_those_who_may_not(owner, teammate):
    make_member(make_user(name="Gone", is_active=False), owner.participant, "administrator")
    names = [each.user.name for each in Membership.objects.administrators_of(owner.participant)]
    assert names == ["Owner"]
