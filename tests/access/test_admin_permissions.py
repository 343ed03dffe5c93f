"""What rights operations can be given, and what the pages that give them say."""

import pytest
from django.contrib.auth.models import Permission
from django.utils import translation

from tests.factories import make_user
from tests.people import Person
from tests.webhooks.pages import text

pytestmark = pytest.mark.django_db

GROUP = "/admin/auth/group/add/"


def labels(person: Person) -> list[str]:
    field = person.client.get(GROUP).context["adminform"].form.fields["permissions"]
    return [str(label) for _value, label in field.choices]


def test_permission_speaks_the_language_of_the_page_not_of_the_day_it_was_made(officer: Person) -> None:
    Permission.objects.filter(codename="export_auditentry").update(name="Pode exportar a trilha de auditoria")
    assert "Audit entry: Can export the audit trail" in labels(officer)
    officer.user.language = "pt-br"
    officer.user.save()
    with translation.override("pt-br"):
        assert "Registro de auditoria: Pode exportar a trilha de auditoria" in labels(officer)


def test_rights_that_no_page_grants_are_not_offered(officer: Person) -> None:
    offered = labels(officer)
    assert [each for each in offered if each.startswith("Audit entry")] == [
        "Audit entry: Can export the audit trail",
        "Audit entry: view",
    ]
    assert [each for each in offered if each.startswith("Group")] == ["Group: view"]
    assert [each for each in offered if each.startswith("Participant:")] == [
        "Participant: add",
        "Participant: Can block and unblock a participant",
        "Participant: change",
        "Participant: view",
    ]
    assert len(offered) == len(set(offered))


def test_user_page_says_that_a_password_is_set_and_nothing_of_it(officer: Person) -> None:
    user = make_user(password="a-good-long-password")
    page = text(officer.client.get(f"/admin/access/user/{user.pk}/change/"))
    assert "A password is set." in page
    assert "algorithm" not in page
    assert user.password.split("$")[-1][:6] not in page
    user.set_unusable_password()
    user.save()
    assert "No password is set." in text(officer.client.get(f"/admin/access/user/{user.pk}/change/"))


def test_user_who_is_nowhere_signed_in_has_no_link_to_an_empty_list(officer: Person) -> None:
    user = make_user()
    page = text(officer.client.get(f"/admin/access/user/{user.pk}/change/"))
    assert "in no browser" in page
    assert f"user__id__exact={user.pk}" not in page
