"""What a cell of a change list holds stands in the cell, for a phone."""

from html import unescape
from typing import Any

import pytest
from django.contrib.admin.templatetags.admin_list import _boolean_icon
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from access.templatetags.change_lists import labelled, worded
from tests.factories import make_attempt, make_delivery, make_event, make_webhook
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


def test_yes_and_no_are_words_without_a_red_cross() -> None:
    row = [SafeString(f'<td class="field-a">{_boolean_icon(value)}</td>') for value in (True, False, None)]

    shown = [strip_tags(cell) for cell in labelled(row, [{"text": "active"}] * 3)]
    assert shown == ["Yes", "No", "Unknown"]
    assert worded(_boolean_icon(True)).count("<svg") == 1
    assert "<img" not in worded(_boolean_icon(False))


def test_days_and_short_codes_do_not_break_and_addresses_stay_as_they_are() -> None:
    row = [SafeString('<td class="field-a"><a href="/?day=2026-11-22">Preços 2026-11-22 v1</a> 22/11/2026 19:59</td>')]

    [cell] = labelled(row, [{"text": ""}])
    assert '<a href="/?day=2026-11-22">Preços <span class="unbroken">2026-11-22 v1</span></a>' in cell
    assert '<span class="unbroken">22/11/2026</span> 19:59' in cell


def test_value_that_spells_djangos_picture_of_no_stays_a_text() -> None:
    spelt = "" + _boolean_icon(False)

    assert unescape(worded(spelt)) == spelt
    assert "<img" not in worded(spelt)


@pytest.mark.django_db
def test_read_only_boolean_is_a_word(officer: Person) -> None:
    attempt = make_attempt(make_delivery(webhook=make_webhook(), event=make_event()), number=1, status=503)
    page = text(officer.client.get(reverse("admin:dispatch_attempt_change", args=[attempt.pk])))

    assert "icon-no" not in page
    assert '<span class="muted">No</span>' in page


@pytest.mark.django_db
def test_list_says_what_its_cells_hold_and_how_it_is_sorted(officer: Person) -> None:
    page = text(officer.client.get(reverse("admin:access_user_changelist")))

    assert '<tr data-label="Sort by">' in page
    assert page.count('<td data-label="Name"') == 1
