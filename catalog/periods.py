"""Periods of products: how they are written, what days they cover, how the notification names them (ONS-17, ONS-18).

Pure: dates in, dates out, no clock and no database.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.errors import PeriodRefused

# Outside of these years a period is a typing error, and dates near the year 9999 have no next week.
FIRST_YEAR, LAST_YEAR = 1900, 2199

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


class Periodicity(TextChoices):
    DAILY = "daily", gettext_lazy("Daily")
    WEEKLY = "weekly", gettext_lazy("Weekly")
    MONTHLY = "monthly", gettext_lazy("Monthly")
    NONE = "none", gettext_lazy("No periodicity")


class Weekday(IntegerChoices):
    """As datetime.date.weekday() counts."""

    MONDAY = 0, gettext_lazy("Monday")
    TUESDAY = 1, gettext_lazy("Tuesday")
    WEDNESDAY = 2, gettext_lazy("Wednesday")
    THURSDAY = 3, gettext_lazy("Thursday")
    FRIDAY = 4, gettext_lazy("Friday")
    SATURDAY = 5, gettext_lazy("Saturday")
    SUNDAY = 6, gettext_lazy("Sunday")


@dataclass(frozen=True)
class Period:
    """The days `start` to `end`, both inclusive; `text` is the canonical way to write them (see parse_period)."""

    start: date
    end: date
    text: str

    def reference_text(self) -> str:
        """Return DataProduto: `20/02/2025` for a day, `07/2025` for a month, else `25/10/2025 - 31/10/2025`."""
        if _MONTH.fullmatch(self.text):
            return f"{self.start:%m}/{self.start.year:04d}"
        if self.start == self.end:
            return _day_text(self.start)
        return f"{_day_text(self.start)} - {_day_text(self.end)}"

    def start_text(self) -> str:
        """Return Periodicidade: the first second of the first day, local time without zone."""
        return f"{self.start.isoformat()}T00:00:00"

    def end_text(self) -> str:
        """Return PeriodicidadeFinal: the last second of the last day, local time without zone."""
        return f"{self.end.isoformat()}T23:59:59"


def parse_period(text: str, periodicity: str, week_starts_on: int = Weekday.SATURDAY) -> Period:
    """Return the period that `text` names for a product of this periodicity.

    daily `2020-08-15`; weekly `2020-08-15`, the first day of the week; monthly `2020-08`; none `2020-08-15` or
    `2020-08-01/2020-08-07`. `week_starts_on` counts from 0 = Monday. Raises PeriodRefused with one of the codes
    period_missing, period_form, period_not_a_date, period_year, period_weekday, period_order.
    """
    text = text.strip()
    if not text:
        raise PeriodRefused("period_missing", _("Give the period."))
    if periodicity == Periodicity.MONTHLY:
        return _month(text)
    if periodicity == Periodicity.WEEKLY:
        return _week(text, week_starts_on)
    if periodicity == Periodicity.NONE and "/" in text:
        return _range(text)
    day = _day(text, periodicity)
    return Period(day, day, day.isoformat())


def _month(text: str) -> Period:
    match = _MONTH.fullmatch(text)
    if not match:
        raise PeriodRefused("period_form", _("Write the period of a monthly product as year and month: 2020-08."))
    first = _date(int(match[1]), int(match[2]), 1)
    return Period(first, first.replace(day=monthrange(first.year, first.month)[1]), text)


def _week(text: str, week_starts_on: int) -> Period:
    first = _day(text, Periodicity.WEEKLY)
    if first.weekday() != week_starts_on:
        raise PeriodRefused(
            "period_weekday",
            _("A week of this product starts on %(wanted)s, and %(day)s is %(found)s.")
            % {"wanted": Weekday(week_starts_on).label, "day": text, "found": Weekday(first.weekday()).label},
        )
    return Period(first, first + timedelta(days=6), first.isoformat())


def _range(text: str) -> Period:
    first_text, _slash, last_text = text.partition("/")
    first = _day(first_text.strip(), Periodicity.NONE)
    last = _day(last_text.strip(), Periodicity.NONE)
    if last < first:
        raise PeriodRefused("period_order", _("The last day of the period lies before the first."))
    # A range of one day is that day: both ways of writing it must meet in the same versions.
    canonical = first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}"
    return Period(first, last, canonical)


def _day(text: str, periodicity: str) -> date:
    match = _DAY.fullmatch(text)
    if not match:
        raise PeriodRefused("period_form", str(_FORMS[Periodicity(periodicity)]))
    return _date(int(match[1]), int(match[2]), int(match[3]))


_FORMS = {
    Periodicity.DAILY: gettext_lazy("Write the period of a daily product as a day: 2020-08-15."),
    Periodicity.WEEKLY: gettext_lazy("Write the period of a weekly product as the first day of the week: 2020-08-15."),
    Periodicity.NONE: gettext_lazy("Write the period as a day, 2020-08-15, or as two days, 2020-08-01/2020-08-07."),
}


def _date(year: int, month: int, day: int) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise PeriodRefused("period_not_a_date", _("This date is not in the calendar.")) from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise PeriodRefused(
            "period_year",
            _("The year must lie between %(first)s and %(last)s.") % {"first": FIRST_YEAR, "last": LAST_YEAR},
        )
    return found


def _day_text(day: date) -> str:
    return f"{day:%d/%m}/{day.year:04d}"
