"""When a notification is tried again, by one webhook's own settings, as a line to look at. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _

from dispatch.retry import Policy, plan_starts
from webhooks.models import Backoff, Webhook

# Units of the drawing, whose ends leave room for half a mark.
WIDTH, MARGIN, MARK = 1000, 12, 6
_PARTS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Stop:
    """An attempt: when it starts after the first, how long after the one before, and where its mark begins."""

    number: int
    after: str
    pause: str
    left: int


@dataclass(frozen=True)
class Timeline:
    policy: Policy
    stops: list[Stop]

    @property
    def interval(self) -> str:
        return duration_text(timedelta(seconds=self.policy.interval_seconds))

    @property
    def total(self) -> str:
        """How long it takes from the first attempt to the last."""
        return self.stops[-1].after

    @property
    def end(self) -> int:
        return WIDTH - MARGIN


def policy_of(webhook: Webhook | None) -> Policy:
    """Return a webhook's own rule; that of a new one when there is none."""
    webhook = webhook or Webhook()
    return Policy(webhook.retry_interval_seconds, webhook.max_attempts, webhook.backoff == Backoff.EXPONENTIAL)


def build_timeline(policy: Policy) -> Timeline:
    """Return the attempts of a notification to a receiver that stays silent."""
    starts = plan_starts(policy)
    whole = starts[-1] or timedelta(seconds=1)
    before = [timedelta(0), *starts]
    stops = [
        Stop(
            number,
            duration_text(start) if start else _("at once"),
            duration_text(start - before[number - 1]) if start else "",
            MARGIN - MARK // 2 + round((WIDTH - 2 * MARGIN) * (start / whole)),
        )
        for number, start in enumerate(starts, 1)
    ]
    return Timeline(policy, stops)


def duration_text(duration: timedelta) -> str:
    """Return a duration in its two largest units: 1 d 2 h, 1 h 15 min, 5 min, 30 s."""
    rest, words = round(duration.total_seconds()), []
    for seconds, unit in _PARTS:
        amount, rest = divmod(rest, seconds)
        if amount:
            words.append(f"{amount} {unit}")
    return " ".join(words[:2]) or "0 s"
