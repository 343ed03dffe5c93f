"""ONS-17, ONS-18: what a period covers and how the notification names it."""

from datetime import date

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import PeriodRefused
from catalog.periods import Periodicity, Weekday, parse_period

SATURDAY = Weekday.SATURDAY


@pytest.mark.parametrize(
    ("text", "periodicity", "reference", "start", "end"),
    [
        ("2025-02-20", "daily", "20/02/2025", "2025-02-20T00:00:00", "2025-02-20T23:59:59"),
        ("2020-12-31", "daily", "31/12/2020", "2020-12-31T00:00:00", "2020-12-31T23:59:59"),
        ("2024-02-29", "daily", "29/02/2024", "2024-02-29T00:00:00", "2024-02-29T23:59:59"),
        ("2025-10-25", "weekly", "25/10/2025 - 31/10/2025", "2025-10-25T00:00:00", "2025-10-31T23:59:59"),
        ("2020-12-26", "weekly", "26/12/2020 - 01/01/2021", "2020-12-26T00:00:00", "2021-01-01T23:59:59"),
        ("2024-02-24", "weekly", "24/02/2024 - 01/03/2024", "2024-02-24T00:00:00", "2024-03-01T23:59:59"),
        ("2020-08", "monthly", "08/2020", "2020-08-01T00:00:00", "2020-08-31T23:59:59"),
        ("2025-07", "monthly", "07/2025", "2025-07-01T00:00:00", "2025-07-31T23:59:59"),
        ("2024-02", "monthly", "02/2024", "2024-02-01T00:00:00", "2024-02-29T23:59:59"),
        ("2100-02", "monthly", "02/2100", "2100-02-01T00:00:00", "2100-02-28T23:59:59"),
        ("2020-12", "monthly", "12/2020", "2020-12-01T00:00:00", "2020-12-31T23:59:59"),
        ("2020-08-15", "none", "15/08/2020", "2020-08-15T00:00:00", "2020-08-15T23:59:59"),
        ("2020-08-01/2020-08-07", "none", "01/08/2020 - 07/08/2020", "2020-08-01T00:00:00", "2020-08-07T23:59:59"),
        ("2020-12-30/2021-03-02", "none", "30/12/2020 - 02/03/2021", "2020-12-30T00:00:00", "2021-03-02T23:59:59"),
    ],
)
def test_period_gives_the_documented_texts(text: str, periodicity: str, reference: str, start: str, end: str) -> None:
    period = parse_period(text, periodicity, SATURDAY)
    assert (period.reference_text(), period.start_text(), period.end_text()) == (reference, start, end)
    assert period.text == text


@pytest.mark.parametrize(
    ("text", "periodicity", "code"),
    [
        ("", "daily", "period_missing"),
        ("   ", "monthly", "period_missing"),
        ("2020-08", "daily", "period_form"),
        ("15/08/2020", "daily", "period_form"),
        ("2020-8-5", "daily", "period_form"),
        ("2020-08-15T00:00", "daily", "period_form"),
        ("2020-08-15\n2020-08-16", "daily", "period_form"),
        ("٢٠٢٠-٠٨-١٥", "daily", "period_form"),
        ("2020-08-01/2020-08-07", "daily", "period_form"),
        ("2020-08-15", "monthly", "period_form"),
        ("2020-08-01/2020-08-31", "monthly", "period_form"),
        ("2020-08", "weekly", "period_form"),
        ("2020-08", "none", "period_form"),
        ("2020-08-01/", "none", "period_form"),
        ("2020-08-01/2020-08-07/2020-08-09", "none", "period_form"),
        ("2020-02-30", "daily", "period_not_a_date"),
        ("2021-02-29", "daily", "period_not_a_date"),
        ("2020-13", "monthly", "period_not_a_date"),
        ("0000-01-01", "daily", "period_not_a_date"),
        ("0999-01-01", "daily", "period_year"),
        ("9999-12", "monthly", "period_year"),
        ("2200-01-01/2200-01-02", "none", "period_year"),
        ("2025-10-26", "weekly", "period_weekday"),
        ("2020-08-07/2020-08-01", "none", "period_order"),
    ],
)
def test_period_that_does_not_fit_is_refused_with_its_code(text: str, periodicity: str, code: str) -> None:
    with pytest.raises(PeriodRefused) as refused:
        parse_period(text, periodicity, SATURDAY)
    assert refused.value.code == code
    assert str(refused.value.message)


def test_week_starts_on_the_day_set_for_the_product() -> None:
    period = parse_period("2025-10-27", "weekly", Weekday.MONDAY)
    assert (period.start, period.end) == (date(2025, 10, 27), date(2025, 11, 2))
    with pytest.raises(PeriodRefused) as refused:
        parse_period("2025-10-25", "weekly", Weekday.MONDAY)
    assert refused.value.code == "period_weekday"


def test_wrong_weekday_is_named_in_the_message() -> None:
    with translation.override("en"), pytest.raises(PeriodRefused) as refused:
        parse_period("2025-10-26", "weekly", SATURDAY)
    assert str(refused.value) == "A week of this product starts on Saturday, and 2025-10-26 is Sunday."


def test_range_of_one_day_is_that_day() -> None:
    assert parse_period("2020-08-01/2020-08-01", "none") == parse_period("2020-08-01", "none")


def test_blanks_around_a_period_do_not_make_another_one() -> None:
    assert parse_period(" 2020-08-01 / 2020-08-07 ", "none").text == "2020-08-01/2020-08-07"


@given(st.text(max_size=30), st.sampled_from(Periodicity.values), st.integers(0, 6))
def test_any_text_is_a_period_or_refused(text: str, periodicity: str, week_starts_on: int) -> None:
    try:
        period = parse_period(text, periodicity, week_starts_on)
    except PeriodRefused:
        return
    assert period.start <= period.end


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_every_month_begins_on_its_first_and_ends_on_its_last_day(day: date) -> None:
    period = parse_period(f"{day:%Y-%m}", "monthly")
    assert period.start.day == 1
    assert period.start <= day <= period.end
    assert (period.end.toordinal() + 1) == parse_next_month(day).toordinal()


def parse_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
