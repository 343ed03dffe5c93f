"""The figures at the head of the overview: backlog, oldest due, what is scheduled, throughput, first wait, senders."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from dispatch import backlog, beats
from dispatch.backlog import count_text
from dispatch.models import DispatcherBeat
from dispatch.troubles import percentile, read_first_waits

# How long something due may wait before the figure warns; the health page's own limit makes it bad.
LATE_AFTER = timedelta(seconds=60)
RATE_OF = 5


@dataclass(frozen=True)
class Figure:
    """One card: what it is, the figure, and below it a state (with `tone`) or a remark."""

    label: str
    text: str
    below: str = ""
    tone: str = ""
    icon: str = ""


@dataclass(frozen=True)
class Senders:
    """The processes that send: how many show life, and when one last did."""

    alive: int
    beat_at: datetime | None


def load_senders(now: datetime) -> Senders:
    alive = DispatcherBeat.objects.filter(beat_at__gt=now - beats.SILENT_AFTER).count()
    return Senders(alive, beats.last_beat_at())


def load_figures(
    minutes: Collection[tuple[datetime, int]], *, held: int, since: datetime, now: datetime
) -> list[Figure]:
    """Return the cards. `minutes`: attempts by minute, each minute once; `held`: how many notifications are held; `now`
    in the zone that times are shown in."""
    due, oldest = backlog.count_due(now), backlog.oldest_due_at(now)
    return [
        Figure(_("Due now"), count_text(due), *_backlog_state(due, oldest, now)),
        _oldest(oldest, now),
        Figure(
            _("Scheduled for later"), count_text(backlog.count_later(now)), _("%(n)s held") % {"n": count_text(held)}
        ),
        _rate(minutes, now),
        _first_wait(since),
    ]


def span_text(span: timedelta) -> str:
    """Return how long, in its two largest units."""
    seconds = max(0, int(span.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return _("%(d)s d %(h)s h") % {"d": days, "h": hours}
    if hours:
        return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes}
    if minutes and not seconds % 60:
        return _("%(m)s min") % {"m": minutes}
    if minutes:
        return _("%(m)s min %(s)s s") % {"m": minutes, "s": seconds % 60}
    return _("%(s)s s") % {"s": seconds}


def milliseconds_text(value: int) -> str:
    if value >= 60_000:
        return span_text(timedelta(milliseconds=value))
    return _("%(n)s s") % {"n": number_format(value / 1000, decimal_pos=1 if value >= 100 else 2)}


def _backlog_state(due: int, oldest: datetime | None, now: datetime) -> tuple[str, str, str]:
    late = oldest is not None and now - oldest > LATE_AFTER
    if not due:
        return _("Nothing waits"), "ok", "circle-check"
    return (_("Behind"), "warn", "alert-triangle") if late else (_("Normal"), "ok", "circle-check")


def _oldest(oldest: datetime | None, now: datetime) -> Figure:
    label = _("Oldest due")
    if oldest is None or oldest > now:
        return Figure(label, "–", _("Nothing waits"), "ok", "circle-check")
    age, limit = now - oldest, timedelta(seconds=settings.PORTAL_READY_OLDEST_DUE_SECONDS)
    if age <= LATE_AFTER:
        return Figure(label, span_text(age), _("Normal"), "ok", "circle-check")
    passed = limit if age > limit else LATE_AFTER
    words = _("Over %(span)s") % {"span": span_text(passed)}
    return Figure(label, span_text(age), words, "bad" if age > limit else "warn", "alert-triangle")


def _rate(minutes: Collection[tuple[datetime, int]], now: datetime) -> Figure:
    whole = now.replace(second=0, microsecond=0)
    recent = sum(count for minute, count in minutes if whole - timedelta(minutes=RATE_OF) <= minute < whole)
    label, text = _("Attempts per minute"), number_format(round(recent / RATE_OF), force_grouping=True)
    if not minutes:
        return Figure(label, text, _("none in this time"))
    peak, at = max((count, minute) for minute, count in minutes)
    words = _("peak %(n)s at %(time)s") % {
        "n": number_format(peak, force_grouping=True),
        "time": f"{at.astimezone(now.tzinfo):%H:%M}",
    }
    return Figure(label, text, words)


def _first_wait(since: datetime) -> Figure:
    waits, label = read_first_waits(since=since), _("Wait for the first attempt")
    if not waits:
        return Figure(label, "–", _("none in this time"))
    # Nobody asks for hundredths of a second here.
    median, p95 = (milliseconds_text(max(100, percentile(waits, share))) for share in (50, 95))
    words = _("95%% wait no longer; half wait %(median)s at most") % {
        "median": median.replace(" ", "\N{NO-BREAK SPACE}")
    }
    return Figure(label, p95, words)
