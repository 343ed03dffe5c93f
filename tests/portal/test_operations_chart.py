"""The chart of attempts: rows in, rectangles out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from portal.operations.chart import NARROW, SPANS, WIDE, Drawing, Paper, build_chart, first_moment

NOW = datetime(2026, 11, 19, 14, 32, 10, tzinfo=ZoneInfo("America/Sao_Paulo"))


def minute(hour: int, minute_: int, **counts: int) -> tuple[datetime, int, int, int]:
    at = NOW.replace(hour=hour, minute=minute_, second=0).astimezone(UTC)
    return (at, counts.get("delivered", 0), counts.get("retried", 0), counts.get("failed", 0))


@pytest.mark.parametrize(("code", "begin"), [("1h", "13:32"), ("6h", "08:30"), ("24h", "14:20"), ("7d", "14:00")])
def test_views_begin_at_a_whole_step_of_the_day(code: str, begin: str) -> None:
    span = SPANS[code]
    first = first_moment(span, NOW)
    assert f"{first:%H:%M}" == begin
    assert NOW - first >= timedelta(minutes=span.minutes)


def test_minutes_fall_into_their_bar_in_two_parts_too_and_what_is_older_into_none() -> None:
    rows = [minute(14, 31, delivered=3), minute(14, 31, retried=2), minute(14, 30, failed=1), minute(8, 29, failed=9)]
    chart = build_chart(rows, span=SPANS["6h"], now=NOW)
    last = chart.buckets[-1]
    assert (last.delivered, last.retried, last.failed) == (3, 2, 1)
    assert chart.total.total == 6
    assert [row.start for row in chart.rows] == [last.start]


@pytest.mark.parametrize("paper", [WIDE, NARROW], ids=lambda paper: paper.name)
def test_stack_stands_on_the_line_and_ends_below_the_top(paper: Paper) -> None:
    chart = build_chart([minute(14, 0, delivered=50, retried=20, failed=30)], span=SPANS["1h"], now=NOW)
    drawing = Drawing(chart, paper)
    delivered, retried, failed = drawing.bars
    assert [bar.kind for bar in drawing.bars] == ["delivered", "retried", "failed"]
    assert delivered.y + delivered.height == paper.top + paper.plot_height
    assert (retried.y + retried.height, failed.y + failed.height) == (delivered.y, retried.y)
    assert failed.y >= paper.top
    assert delivered.height > failed.height > retried.height


def test_one_failure_among_thousands_is_seen() -> None:
    chart = build_chart([minute(14, 0, delivered=9_999, failed=1)], span=SPANS["1h"], now=NOW)
    for drawing in chart.drawings:
        assert (drawing.bars[-1].kind, drawing.bars[-1].height) == ("failed", 2)


@pytest.mark.parametrize("code", list(SPANS))
def test_phone_has_the_whole_span_with_the_same_bars_and_times(code: str) -> None:
    span = SPANS[code]
    first, last = first_moment(span, NOW), NOW - timedelta(minutes=1)
    wide, narrow = build_chart([(first, 3, 1, 0), (last, 2, 0, 1)], span=span, now=NOW).drawings
    assert [bar.kind for bar in narrow.bars] == [bar.kind for bar in wide.bars]
    assert [tick.text for tick in narrow.ticks] == [tick.text for tick in wide.ticks]
    assert narrow.bars[0].x == NARROW.left
    assert all(bar.x + bar.width <= NARROW.right_edge for bar in narrow.bars)
    # A time is some 30 units wide: none runs into the next.
    assert min(b.at - a.at for a, b in pairwise(narrow.ticks)) >= 32


@pytest.mark.parametrize(("highest", "top"), [(0, 4), (3, 4), (5, 8), (13, 20), (1_700, 2_000), (90_000, 120_000)])
def test_scale_has_whole_steps(highest: int, top: int) -> None:
    chart = build_chart([minute(14, 0, delivered=highest)], span=SPANS["1h"], now=NOW)
    assert chart.top == top
    assert [mark.text for mark in Drawing(chart, WIDE).grid] == [str(top * n // 4) for n in range(5)]
    assert top % 4 == 0


def test_times_stand_below_their_bars() -> None:
    ticks = Drawing(build_chart([], span=SPANS["6h"], now=NOW), WIDE).ticks
    assert [tick.text for tick in ticks] == ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00"]
    assert len({b.at - a.at for a, b in pairwise(ticks)}) <= 2
