"""How long a certificate is still good for, in days, thresholds and words. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# People are told so many days before the end (safety.md 1); the largest is also where pages begin to warn.
THRESHOLDS = (30, 14, 7, 1)
WARNED_FROM = timedelta(days=max(THRESHOLDS))


@dataclass(frozen=True, slots=True)
class Validity:
    """Icon, word and colour, for the `state` tag; `reason` in one sentence where something is to be done."""

    tone: str
    icon: str
    word: str
    reason: str = ""

    @property
    def problem(self) -> bool:
        return self.tone in ("warn", "bad")


def find_threshold(not_after: datetime, now: datetime) -> int | None:
    """Return the smallest threshold that is reached: a job that slept tells the newest only. None before the first, and
    once it is over."""
    left = not_after - now
    if left <= timedelta(0):
        return None
    return min((days for days in THRESHOLDS if left <= timedelta(days=days)), default=None)


def count_days(not_after: datetime, now: datetime) -> int:
    """Return the days between the two as a calendar in the reader's zone counts them: 0 is today."""
    return (timezone.localdate(not_after) - timezone.localdate(now)).days


def describe_validity(not_before: datetime, not_after: datetime, now: datetime) -> Validity:
    day = date_format(timezone.localtime(not_after), "SHORT_DATE_FORMAT")
    if not_after <= now:
        reason = _("The certificate expired on %(day)s and has to be replaced: nobody accepts it any more.")
        return Validity("bad", "circle-x", _("Expired on %(day)s") % {"day": day}, reason % {"day": day})
    if not_before > now:
        first = date_format(timezone.localtime(not_before), "SHORT_DATE_FORMAT")
        word = _("Valid from %(day)s on") % {"day": first}
        return Validity("warn", "hourglass", word, _("The certificate is not valid yet."))
    if not_after - now > WARNED_FROM:
        return Validity("ok", "circle-check", _("Valid until %(day)s") % {"day": day})
    return Validity("warn", "alert-triangle", count_words(not_after, now), _warning(not_after, now, day))


def count_words(not_after: datetime, now: datetime) -> str:
    """Return "expires in 12 days", for a certificate that is still valid."""
    days = count_days(not_after, now)
    if days < 1:
        return _("Expires today")
    return ngettext("Expires in %(n)s day", "Expires in %(n)s days", days) % {"n": days}


def lower_first(words: str) -> str:
    """For the middle of a line: "expires in 12 days"."""
    return words[:1].lower() + words[1:]


def _warning(not_after: datetime, now: datetime, day: str) -> str:
    days = count_days(not_after, now)
    if days < 1:
        return _("The certificate expires today and has to be replaced now.")
    words = ngettext(
        "The certificate expires in %(n)s day, on %(day)s, and has to be replaced before that.",
        "The certificate expires in %(n)s days, on %(day)s, and has to be replaced before that.",
        days,
    )
    return words % {"n": days, "day": day}
