"""A moment found among ids: with gaps, at the ends, in an empty table, and in few statements."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from dispatch.admin.moments import before, find_place, since
from dispatch.models import Delivery
from tests.factories import make_delivery, make_event, make_webhook

pytestmark = pytest.mark.django_db
HOURS = 40


@pytest.fixture
def rows() -> list[Any]:
    """A delivery for each of the last hours, oldest first, every third of them removed."""
    webhook, event, now = make_webhook(), make_event(), timezone.now()
    made = [
        make_delivery(
            webhook=webhook, event=event, cause="enviar", subject=f"s{n}", created_at=now - timedelta(hours=HOURS - n)
        )
        for n in range(HOURS)
    ]
    Delivery.objects.filter(pk__in=[row.pk for row in made[::3]]).delete()
    return [row for place, row in enumerate(made) if place % 3]


def test_place_is_that_of_the_first_row_from_a_moment_on(rows: list[Any]) -> None:
    for row in rows:
        at = find_place(Delivery, "created_at", row.created_at)
        assert Delivery.objects.filter(pk__gte=at).order_by("pk").first() == row
    ahead, behind = rows[-1].created_at + timedelta(minutes=1), rows[0].created_at - timedelta(days=1)
    assert not Delivery.objects.filter(pk__gte=find_place(Delivery, "created_at", ahead)).exists()
    assert Delivery.objects.filter(pk__gte=find_place(Delivery, "created_at", behind)).count() == len(rows)


def test_empty_table_has_a_place_too() -> None:
    assert find_place(Delivery, "created_at", timezone.now()) == 0


def test_both_halves_make_the_whole(rows: list[Any]) -> None:
    moment = rows[7].created_at
    young = list(since(Delivery.objects.order_by("pk"), "created_at", moment))
    old = list(before(Delivery.objects.order_by("pk"), "created_at", moment))
    assert (old, young) == (rows[:7], rows[7:])


def test_a_million_ids_take_few_statements(rows: list[Any], django_assert_max_num_queries: Any) -> None:
    last = rows[-1].pk
    Delivery.objects.filter(pk=last).update(id=F("id") + 1_000_000)
    with django_assert_max_num_queries(7):
        place = find_place(Delivery, "created_at", rows[-1].created_at)
    assert rows[-2].pk < place <= last + 1_000_000
