"""The progress of a batch of sendings, in words, while it runs and afterwards (experience.md)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Case, OuterRef, Subquery, Value, When
from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from catalog.models import Product
from dispatch.batches import Tally, count_batch, is_cut_off
from dispatch.models import Attempt, Delivery, SendBatch, State
from dispatch.models.deliveries import PRODUCT_SUBJECT
from dispatch.pages.previews import SHOWN, StayingRow, describe_staying, kind_title
from dispatch.pages.recent import event_title
from dispatch.pages.states import StateView, describe_delivery, percent_text, seconds_text
from dispatch.pending import Pending
from dispatch.previews import Stays
from webhooks.diagnosis import DIAGNOSES


@dataclass(frozen=True)
class Count:
    """A figure of the line below the bar."""

    tone: str
    icon: str
    words: str


@dataclass(frozen=True)
class BatchRow:
    delivery: Delivery
    title: str
    state: StateView
    duration: str
    side: str


@dataclass
class BatchPage:
    """A batch while it runs and afterwards. What costs a query is read when it is asked for."""

    batch: SendBatch
    now: datetime

    @cached_property
    def tally(self) -> Tally:
        return count_batch(self.batch)

    @cached_property
    def cut_off(self) -> bool:
        return is_cut_off(self.batch)

    @property
    def running(self) -> bool:
        """Whether something was not tried yet: then the bar has not come to its end."""
        return self.tally.untried > 0 or (self.batch.written_at is None and not self.cut_off)

    @property
    def stoppable(self) -> bool:
        return self.tally.untried + self.tally.retrying > 0

    @property
    def heading(self) -> str:
        return kind_title(self.batch.kind, self.batch.webhook)

    @property
    def title(self) -> str:
        tally = self.tally
        values = {"done": tally.done, "delivered": tally.delivered, "total": tally.total}
        if self.running:
            return _("Sending: %(done)s of %(total)s notifications done") % values
        if self.batch.stopped_at:
            return _("Stopped: %(delivered)s of %(total)s notifications delivered") % values
        return _("Done: %(delivered)s of %(total)s notifications delivered") % values

    @property
    def percent(self) -> int:
        return self.tally.done * 100 // self.tally.total if self.tally.total else 100

    @property
    def percent_words(self) -> str:
        return percent_text(str(self.percent))

    @property
    def bars(self) -> list[tuple[str, str, str]]:
        """Delivered, failed and what will not go: (class, start, width), in percent of the whole."""
        tally, start, bars = self.tally, 0.0, []
        shares = (
            ("ok", tally.delivered),
            ("bad", tally.failed + tally.retrying),
            ("idle", tally.held + tally.cancelled),
        )
        for name, count in shares:
            width = count * 100 / tally.total if tally.total else 0.0
            # As text: in a template a number is written the reader's way, with a comma.
            bars.append((name, f"{start:.2f}%", f"{width:.2f}%"))
            start += width
        return bars

    @property
    def counts(self) -> list[Count]:
        tally = self.tally
        waiting = tally.untried - tally.sending
        found = (
            ("ok", "circle-check", tally.delivered, ngettext("%(n)s delivered", "%(n)s delivered", tally.delivered)),
            ("bad", "circle-x", tally.failed, ngettext("%(n)s failed", "%(n)s failed", tally.failed)),
            ("warn", "repeat", tally.retrying, _("%(n)s to be tried again")),
            ("run", "loader-2", tally.sending, _("%(n)s being sent")),
            ("run", "hourglass", waiting, ngettext("%(n)s waits", "%(n)s wait", waiting)),
            ("idle", "player-pause", tally.held, ngettext("%(n)s held", "%(n)s held", tally.held)),
            ("idle", "ban", tally.cancelled, ngettext("%(n)s cancelled", "%(n)s cancelled", tally.cancelled)),
        )
        return [Count(tone, icon, words % {"n": number_format(n)}) for tone, icon, n, words in found if n]

    @cached_property
    def rows(self) -> list[BatchRow]:
        """In the order in which they go; of very many those that went wrong first."""
        last = Attempt.objects.filter(delivery=OuterRef("pk"), number=OuterRef("attempts_made"))
        deliveries = Delivery.objects.filter(batch=self.batch).select_related("event__publication__product")
        deliveries = deliveries.defer("body", "event__payload").annotate(
            last_ms=Subquery(last.values("duration_ms")[:1])
        )
        if self.tally.total > SHOWN:
            wrong = Case(When(state=State.FAILED, then=0), When(counted_attempts__gt=0, state="waiting", then=1),
                         default=Value(2))  # fmt: skip
            deliveries = deliveries.order_by(wrong, "pk")
        else:
            deliveries = deliveries.order_by("pk")
        return [_batch_row(delivery, self.now) for delivery in deliveries[:SHOWN]]

    @property
    def more(self) -> int:
        return max(0, self.tally.total - SHOWN)

    @cached_property
    def left_out(self) -> list[StayingRow]:
        found = [(subject, Stays(why)) for subject, why in self.batch.left_out[:SHOWN]]
        names = _product_names(subject for subject, _why in found)
        return [StayingRow(names.get(subject, subject), describe_staying(why)) for subject, why in found]

    @property
    def left_out_words(self) -> str:
        n = len(self.batch.left_out)
        return ngettext("Left out: %(n)s product", "Left out: %(n)s products", n) % {"n": n}

    @property
    def more_left_out(self) -> int:
        return max(0, len(self.batch.left_out) - SHOWN)

    @cached_property
    def stamp(self) -> str:
        """Changes with anything that a reader can see move; an open page asks for news by it."""
        rows = [(row.delivery.pk, row.state, row.duration) for row in self.rows]
        seen = (get_language(), self.tally, self.batch.stopped_at, self.running, rows)
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]

    def announce(self, failed_before: int) -> str:
        """What to say aloud: the end, or that something more has failed. Never each step."""
        if not self.running:
            return self.title
        wrong = self.wrong
        if wrong <= failed_before:
            return ""
        return ngettext("%(n)s notification failed", "%(n)s notifications failed", wrong) % {"n": wrong}

    @property
    def wrong(self) -> int:
        return self.tally.failed + self.tally.retrying


@dataclass(frozen=True)
class Strip:
    """The way back to a batch that runs."""

    batch: SendBatch
    words: str


def load_strips(pending: Mapping[int, Pending]) -> dict[int, Strip]:
    """Return the strip of each webhook whose batch runs. No query when none does."""
    running = [each.batch for each in pending.values() if each.batch]
    batches = SendBatch.objects.filter(pk__in=running).defer("left_out") if running else []
    return {batch.webhook_id: make_strip(batch) for batch in batches}


def make_strip(batch: SendBatch) -> Strip:
    tally = count_batch(batch)
    return Strip(batch, _("Sending: %(done)s of %(total)s") % {"done": tally.done, "total": tally.total})


def _batch_row(delivery: Any, now: datetime) -> BatchRow:
    state = describe_delivery(delivery, now=now, duration_ms=None)
    diagnosis = DIAGNOSES.get(delivery.last_diagnosis) if state.tone in ("bad", "warn") else None
    side = str(diagnosis.side) if diagnosis else ""
    return BatchRow(delivery, event_title(delivery.event), state, seconds_text(delivery.last_ms), side)


def _product_names(subjects: Iterable[str]) -> dict[str, str]:
    uuids = (subject.removeprefix(PRODUCT_SUBJECT) for subject in subjects if subject.startswith(PRODUCT_SUBJECT))
    products = Product.objects.filter(uuid__in=[UUID(uuid) for uuid in uuids])
    return {f"{PRODUCT_SUBJECT}{uuid}": name for uuid, name in products.values_list("uuid", "name")}
