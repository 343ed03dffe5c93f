"""The figures of the last fourteen days: attempts that succeeded and failed, by day, and the median answer."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from dispatch.days import TRIED, read_days, read_totals
from dispatch.models import Attempt
from dispatch.pages.states import percent_text, seconds_text
from dispatch.tallies import COUNTED_TO

DAYS = 14
# The median is that of so many attempts, the newest.
MEDIAN_OF = 1_000

BAR_WIDTH, BAR_STEP = 12, 14
UP_HEIGHT, DOWN_HEIGHT, SMALLEST, DOT = 28, 13, 3, 2
RECTANGLE = '<rect class="{css}" x="{x}" y="{y}" width="{width}" height="{height}" rx="1"/>'


@dataclass
class Day:
    on: date
    delivered: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Bar:
    """A rectangle of the sparkline, in its own units, as whole numbers."""

    css: str
    x: int
    y: int
    height: int
    width: int = BAR_WIDTH


@dataclass
class Figures:
    days: list[Day]
    median_ms: int | None = None

    @cached_property
    def bars(self) -> SafeString:
        """The rectangles of the drawing, made for those rows only that are shown. Not by a template: a list of webhooks
        has hundreds of them."""
        # Numbers and names of classes of our own: there is nothing to escape.
        return mark_safe("".join(map(RECTANGLE.format_map, map(vars, draw_bars(self.days)))))  # noqa: S308

    @cached_property
    def delivered(self) -> int:
        return sum(day.delivered for day in self.days)

    @cached_property
    def failed(self) -> int:
        return sum(day.failed for day in self.days)

    @property
    def share(self) -> str:
        """Delivered of all attempts, as "94.3%"; a dash when there were none."""
        tried = self.delivered + self.failed
        if not tried:
            return "–"
        # Cut, not rounded: 99.96 % with failures must not read as 100%.
        return percent_text(number_format(self.delivered * 1000 // tried / 10, decimal_pos=1))

    @property
    def median(self) -> str:
        return seconds_text(self.median_ms) or "–"

    @property
    def span(self) -> str:
        first, last = (date_format(day.on, _("j M")) for day in (self.days[0], self.days[-1]))
        return _("%(first)s to %(last)s") % {"first": first, "last": last}

    @property
    def label(self) -> str:
        """What the drawing shows, for those who don't see it."""
        return _("%(span)s: %(delivered)s delivered, %(failed)s attempts failed") % {
            "span": self.span,
            "delivered": self.delivered,
            "failed": self.failed,
        }


def load_figures(webhook_id: int, *, now: datetime) -> Figures:
    """Return the figures of one webhook. Two queries, which read little of a busy webhook's attempts."""
    figures = load_sparks([webhook_id], now=now)[webhook_id]
    answered = Attempt.objects.filter(webhook=webhook_id, slot_at__gte=_first_moment(now), outcome__in=TRIED)
    newest = answered.order_by("-slot_at").values_list("succeeded", "duration_ms")[:MEDIAN_OF]
    figures.median_ms = find_median((duration, 1) for good, duration in newest if good and duration is not None)
    return figures


def load_sparks(webhook_ids: Collection[int], *, now: datetime) -> dict[int, Figures]:
    """Return the figures without the median, for a list of webhooks. One query."""
    first = timezone.localdate(now) - timedelta(days=DAYS - 1)
    found = {pk: Figures([Day(first + timedelta(days=place)) for place in range(DAYS)]) for pk in webhook_ids}
    counts = read_days(webhook_ids, first=first, since=_first_moment(now), counted_to=COUNTED_TO)
    for webhook_id, on, delivered, failed in counts:
        place = (on - first).days
        # An attempt may begin after `now` was read, just behind midnight.
        if place < DAYS:
            day = found[webhook_id].days[place]
            day.delivered += delivered
            day.failed += failed
    return found


def load_totals(webhook_ids: Collection[int], *, now: datetime) -> tuple[int, int]:
    """Return how many attempts of all these webhooks together succeeded and failed. One query."""
    since = _first_moment(now)
    return read_totals(webhook_ids, first=since.date(), since=since, counted_to=COUNTED_TO)


def find_median(counts: Iterable[tuple[int, int]]) -> int | None:
    """Return the middle one of all values, given as pairs of a value and how often it occurs."""
    ordered = sorted(counts)
    middle, passed = sum(count for _value, count in ordered) // 2, 0
    for value, count in ordered:
        passed += count
        if passed > middle:
            return value
    return None


def _first_moment(now: datetime) -> datetime:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=DAYS - 1)


def draw_bars(days: Sequence[Day]) -> list[Bar]:
    """Return the rectangles: delivered above the line, failed below it, a dot for a day without traffic."""
    highest = max((day.delivered for day in days), default=0)
    deepest = max((day.failed for day in days), default=0)
    bars = []
    for place, day in enumerate(days):
        x = 1 + place * BAR_STEP
        if day.delivered:
            height = _scaled(day.delivered, highest, UP_HEIGHT)
            bars.append(Bar("spark-up", x, UP_HEIGHT + 1 - height, height))
        if day.failed:
            bars.append(Bar("spark-down", x, UP_HEIGHT + 3, _scaled(day.failed, deepest, DOWN_HEIGHT)))
        if not day.delivered and not day.failed:
            bars.append(Bar("spark-none", x + (BAR_WIDTH - DOT) // 2, UP_HEIGHT - DOT, DOT, DOT))
    return bars


def _scaled(count: int, most: int, height: int) -> int:
    return max(SMALLEST, round(height * count / most))
