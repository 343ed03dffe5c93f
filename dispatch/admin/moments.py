"""Finding a moment in a big table without an index by time: ids grow with time, so the place is searched among them."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, QuerySet, Subquery

# Ids grow with time but for the moments in which transactions overlap.
OVERLAP = timedelta(minutes=5)
# Each statement looks at so many places: five statements find one among a million rows, six among sixteen.
PLACES = 15


def since(rows: QuerySet, column: str, moment: datetime) -> QuerySet:
    """Return the rows whose `column` is at `moment` or later, by a range of ids and the column itself."""
    return rows.filter(pk__gte=find_place(rows.model, column, moment - OVERLAP), **{f"{column}__gte": moment})


def before(rows: QuerySet, column: str, moment: datetime) -> QuerySet:
    """Return the rows whose `column` lies before `moment`, by a range of ids and the column itself."""
    return rows.filter(pk__lt=find_place(rows.model, column, moment + OVERLAP), **{f"{column}__lt": moment})


def find_place(model: Any, column: str, moment: datetime) -> int:
    """Return an id such that rows below it were born before `moment`, and those from it on were not."""
    ends = model.objects.aggregate(low=Min("pk"), high=Max("pk"))
    if ends["low"] is None:
        return 0
    low, high = ends["low"], ends["high"] + 1
    while low < high:
        places = sorted({low + (high - low) * n // (PLACES + 1) for n in range(PLACES + 1)})
        born = _born_at(model, column, places)
        old = [place for place, at in zip(places, born, strict=True) if at is not None and at < moment]
        young = [place for place, at in zip(places, born, strict=True) if at is None or at >= moment]
        high = min(young, default=high)
        low = max(old, default=low - 1) + 1
    return int(high)


def _born_at(model: Any, column: str, places: list[int]) -> list[datetime | None]:
    """Return for each place the column of the first row from it on. One statement."""
    rows = model.objects.order_by("pk")
    asked = {f"at_{n}": Subquery(rows.filter(pk__gte=place).values(column)[:1]) for n, place in enumerate(places)}
    first = rows[:1].values("pk")
    found = model.objects.filter(pk=Subquery(first)).annotate(**asked).values_list(*asked).first()
    return list(found or [None] * len(places))
