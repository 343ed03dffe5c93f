"""What waits, and for how long: read by the health page, the metrics and the operators' notices.

Every question is answered by a small index, or counted no further than COUNTED_AT_MOST: a million waiting rows must not
make the page slow that tells of them.
"""

from datetime import datetime

from django.db.models import QuerySet
from django.utils.formats import number_format

from dispatch.models import Delivery, State

COUNTED_AT_MOST = 100_000


def count_text(count: int) -> str:
    """Return the count as text, "100,000+" where the counting ended."""
    return number_format(min(count, COUNTED_AT_MOST), force_grouping=True) + ("+" if count >= COUNTED_AT_MOST else "")


def oldest_due_at(now: datetime) -> datetime | None:
    """Return since when the delivery is due that has been due for longest, None when nothing is."""
    due = Delivery.objects.waiting().filter(due_at__lte=now).order_by("due_at").values_list("due_at", flat=True)
    # One look for each, because the index begins with it.
    found = [moment for moment in (due.filter(urgent=urgent).first() for urgent in (True, False)) if moment]
    return min(found, default=None)


def count_waiting() -> int:
    return _count(Delivery.objects.waiting())


def count_due(now: datetime) -> int:
    return _count_by_urgency(Delivery.objects.waiting().filter(due_at__lte=now))


def count_later(now: datetime) -> int:
    """Return how many wait for a moment that is still to come; those being sent now are none of them."""
    return _count_by_urgency(Delivery.objects.waiting().filter(due_at__gt=now, lease_token__isnull=True))


def count_held() -> int:
    return _count(Delivery.objects.filter(state=State.HELD))


def count_in_flight(now: datetime) -> int:
    """Return how many are leased to a process now; those whose lease ran out are due, not in flight."""
    return _count(Delivery.objects.filter(lease_token__isnull=False, due_at__gt=now))


def _count_by_urgency(deliveries: QuerySet[Delivery]) -> int:
    # One range of the index each, because it begins with it.
    return min(COUNTED_AT_MOST, sum(_count(deliveries.filter(urgent=urgent)) for urgent in (True, False)))


def _count(deliveries: QuerySet[Delivery]) -> int:
    return deliveries.order_by()[:COUNTED_AT_MOST].count()
