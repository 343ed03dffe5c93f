"""The chart of attempts over time, drawn by the server as rectangles. Pure: rows in, figures for the template out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy as _

GRID_LINES = 4


@dataclass(frozen=True)
class Paper:
    """What a chart is drawn on, in units of its own: whole numbers, which no language writes with a comma."""

    name: str
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    # Between two bars.
    gap: int

    @property
    def plot_height(self) -> int:
        return self.height - self.top - self.bottom

    @property
    def right_edge(self) -> int:
        return self.width - self.right

    @property
    def scale_at(self) -> int:
        """Where the words of the scale end."""
        return self.left - 8

    @property
    def times_at(self) -> int:
        return self.height - 6


WIDE = Paper("wide", 1040, 200, left=52, right=6, top=10, bottom=26, gap=2)
# Of a phone: as wide as its window, and so with letters as large as those around it.
NARROW = Paper("narrow", 336, 200, left=42, right=18, top=10, bottom=26, gap=1)


@dataclass(frozen=True)
class Span:
    """What one view shows: the last `minutes`, a bar for each `step` minutes, a time below every `tick` minutes."""

    code: str
    # Words, translated when they are shown.
    label: Any
    minutes: int
    step: int
    tick: int
    format: str = "%H:%M"

    @property
    def bars(self) -> int:
        return self.minutes // self.step


SPANS = {
    span.code: span
    for span in (
        Span("1h", _("1 h"), 60, 1, 10),
        Span("6h", _("6 h"), 360, 5, 60),
        Span("24h", _("24 h"), 1440, 20, 180),
        Span("7d", _("7 d"), 7 * 1440, 120, 1440, "%d/%m"),
    )
}


@dataclass
class Bucket:
    start: datetime
    delivered: int = 0
    retried: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.delivered + self.retried + self.failed


@dataclass(frozen=True)
class Bar:
    """A rectangle. `kind`: delivered, retried or failed."""

    kind: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Mark:
    """A line of the grid, or a time below the plot: where it is and what stands beside it."""

    at: int
    text: str


@dataclass(frozen=True)
class Chart:
    """`buckets` are what the table below the drawing lists; `top` is the highest value of the scale, per minute."""

    span: Span
    buckets: Sequence[Bucket]
    top: int

    @property
    def drawings(self) -> "list[Drawing]":
        """The same twice: the page shows the one that suits its width."""
        return [Drawing(self, WIDE), Drawing(self, NARROW)]

    @property
    def rows(self) -> list[Bucket]:
        """The bars with something in them, newest first, for the table."""
        return [bucket for bucket in reversed(self.buckets) if bucket.total]

    @property
    def total(self) -> Bucket:
        sums = Bucket(self.buckets[0].start)
        for each in self.buckets:
            sums.delivered, sums.retried = sums.delivered + each.delivered, sums.retried + each.retried
            sums.failed += each.failed
        return sums


@dataclass(frozen=True)
class Drawing:
    chart: Chart
    paper: Paper

    @cached_property
    def bars(self) -> list[Bar]:
        return [bar for place, bucket in enumerate(self.chart.buckets) for bar in self._stack(place, bucket)]

    @property
    def grid(self) -> list[Mark]:
        top, height = self.paper.top, self.paper.plot_height
        values = [self.chart.top * n // GRID_LINES for n in range(GRID_LINES + 1)]
        return [Mark(top + height - height * n // GRID_LINES, str(value)) for n, value in enumerate(values)]

    @property
    def ticks(self) -> list[Mark]:
        span = self.chart.span
        marked = [(n, each.start) for n, each in enumerate(self.chart.buckets) if _is_tick(each.start, span.tick)]
        return [Mark(self._x(n), start.strftime(span.format)) for n, start in marked if n > 0]

    def _x(self, place: int) -> int:
        return self.paper.left + (self.paper.right_edge - self.paper.left) * place // len(self.chart.buckets)

    def _stack(self, place: int, bucket: Bucket) -> Iterable[Bar]:
        height_of_all, highest = self.paper.plot_height, self.chart.top * self.chart.span.step
        x, y = self._x(place), self.paper.top + height_of_all
        width = max(1, self._x(place + 1) - x - self.paper.gap)
        for kind in ("delivered", "retried", "failed"):
            count = getattr(bucket, kind)
            if count:
                # Never nothing: a single failure among thousands must be seen.
                height = max(2, round(height_of_all * count / highest))
                y -= height
                yield Bar(kind, x, y, width, height)


def build_chart(minutes: Iterable[tuple[datetime, int, int, int]], *, span: Span, now: datetime) -> Chart:
    """Return the chart of these minutes. `minutes`: minute, delivered, tried again, failed for good, in any order, a
    minute perhaps twice; `now` in the time zone that the times are shown in."""
    begin = first_moment(span, now)
    buckets = [Bucket(begin + timedelta(minutes=span.step * place)) for place in range(span.bars + 1)]
    for minute, delivered, retried, failed in minutes:
        place = int((minute - begin) / timedelta(minutes=span.step))
        if 0 <= place < len(buckets) and minute >= begin:
            bucket = buckets[place]
            bucket.delivered, bucket.retried = bucket.delivered + delivered, bucket.retried + retried
            bucket.failed += failed
    highest = max(bucket.total for bucket in buckets) / span.step
    return Chart(span, buckets, _round_up(highest))


def first_moment(span: Span, now: datetime) -> datetime:
    """Return when the first bar begins: a whole step of the day, in `now`'s time zone."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    steps = (now - midnight) // timedelta(minutes=span.step)
    return midnight + timedelta(minutes=span.step * (steps - span.bars))


def _is_tick(moment: datetime, every: int) -> bool:
    return (moment.hour * 60 + moment.minute) % every == 0


def _round_up(value: float) -> int:
    """Return the smallest number at least `value` that four lines divide into whole, readable steps."""
    size = 4
    while True:
        for factor in (1, 2, 3, 5):
            if size * factor >= value:
                return size * factor
        size *= 10
