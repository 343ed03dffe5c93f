"""What every page of the administration has around its rows: titles, the menu, the pager, the chooser of an action."""

import re

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import translation

from tests.people import Person
from tests.webhooks.pages import text

pytestmark = pytest.mark.django_db
GROUPS = reverse("admin:auth_group_changelist")
USERS = reverse("admin:access_user_changelist")


def test_list_bears_the_name_of_what_it_holds(officer: Person) -> None:
    page = text(officer.client.get(USERS))

    assert "<h1>Users</h1>" in page
    assert "<title>Users · Gancho</title>" in page
    assert "Select" not in page.partition("<h1>")[2].partition("<form")[0]


def test_page_of_an_app_bears_its_name_and_has_the_menu(officer: Person) -> None:
    page = text(officer.client.get(reverse("admin:app_list", args=["dispatch"])))

    assert "<h1>Notifications</h1>" in page
    assert 'id="nav-sidebar"' in page


def test_results_are_counted_only_after_a_search(officer: Person) -> None:
    assert "Show all" not in text(officer.client.get(USERS))
    assert "1 result " in text(officer.client.get(USERS, {"q": "officer"}))
    assert "No results" in text(officer.client.get(USERS, {"q": "nobody at all"}))


def test_empty_list_says_whether_it_is_the_search(officer: Person) -> None:
    assert "There is nothing here yet." in text(officer.client.get("/admin/catalog/macroprocess/"))
    assert "Nothing matches the search" in text(officer.client.get(GROUPS, {"q": "none"}))


def test_page_that_is_open_is_marked_in_the_pager(officer: Person) -> None:
    Group.objects.bulk_create(Group(name=f"group {number}") for number in range(101))
    page = text(officer.client.get(GROUPS, {"p": "2"}))

    assert re.findall(r'aria-current="page">([^<]*)<', page.partition("paginator")[2]) == ["2"]


def test_chooser_of_an_action_asks_for_one(officer: Person) -> None:
    page = text(officer.client.get(USERS))

    assert re.search(r'<option value=""[^>]*>Choose an action</option>', page)
    assert "---------</option>" not in page


def test_count_of_what_is_selected_agrees_with_none_in_portuguese(officer: Person) -> None:
    officer.user.language = "pt-br"
    officer.user.save()
    script = text(officer.client.get(reverse("admin:jsi18n")))

    with translation.override("pt-br"):
        shown = translation.gettext("%(sel)s of %(cnt)s selected")
    assert shown == "Selecionados: %(sel)s de %(cnt)s"
    forms = re.search(r'"%\(sel\)s of %\(cnt\)s selected": \[(.*?)\]', script, re.DOTALL)
    assert forms is not None
    assert set(re.findall(r'"(.*?)"', forms[1])) == {shown}


def test_related_row_cannot_be_deleted_from_beside_its_field(officer: Person) -> None:
    page = text(officer.client.get(reverse("admin:catalog_process_add")))

    assert "add-related" in page
    assert "delete-related" not in page
