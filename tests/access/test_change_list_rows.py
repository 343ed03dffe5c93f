"""What a cell of a change list holds stands in the cell, for a phone."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils.safestring import SafeString

from access.templatetags.change_lists import labelled
from tests.people import Person
from tests.webhooks.pages import text


def test_each_cell_gets_its_columns_title() -> None:
    row = [
        SafeString('<th class="field-name"><a>Vento</a></th>'),
        SafeString('<td class="field-kind">A</td>'),
    ]
    headers: list[dict[str, Any]] = [{"text": "name"}, {"text": 'kind "of" it'}]

    assert labelled(row, headers) == [
        '<th data-label="Name" class="field-name"><a>Vento</a></th>',
        '<td data-label="Kind &quot;of&quot; it" class="field-kind">A</td>',
    ]


def test_box_that_chooses_a_row_and_a_cell_without_a_title_stay_as_they_are() -> None:
    row = ['<td class="action-checkbox"><input></td>', "<td>7</td>"]

    assert labelled(row, [{"text": SafeString('<input type="checkbox" id="action-toggle">')}]) == row


@pytest.mark.django_db
def test_list_says_what_its_cells_hold_and_how_it_is_sorted(officer: Person) -> None:
    page = text(officer.client.get(reverse("admin:access_user_changelist")))

    assert '<thead data-label="Sort by">' in page
    assert page.count('<td data-label="Name"') == 1
