"""The page of one delivery: what it is about, its attempts newest first, both sides of each exchange."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import Max, Sum
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from access.actors import Actor
from access.roles import Role
from catalog.models import Download, Publication
from dispatch.models import Attempt, Delivery, Outcome, State
from dispatch.pages.health import FORM_HELPS
from dispatch.pages.products import why_not_sendable
from dispatch.pages.recent import event_title
from dispatch.pages.requests import BodyLine, Line, curl_command, pretty_body, request_line, stored_lines
from dispatch.pages.states import (
    StateView,
    attempts_text,
    describe_briefly,
    failure_text,
    is_in_flight,
    seconds_text,
)
from outbound import outcomes
from outbound.masking import masked_url
from webhooks.diagnosis import DIAGNOSES, Diagnosis
from webhooks.models import StoppedReason

# Whose failures a shared connection causes: it holds what the token is asked for with.
_CONNECTION_HELPS = ("token_", "unauthorized_oauth2", "unauthorized_jwt")
_PHASES = ("dns", "connect", "tls", "first_byte")
_CHART = 1000


@dataclass(frozen=True)
class Phase:
    """One bar of the timing: `start` and `width` of a chart 1000 wide; the longest one is `slow`."""

    label: str
    milliseconds: int
    start: int
    width: int
    slow: bool


@dataclass(frozen=True)
class AttemptView:
    """An attempt as the page shows it. `number` counts those that are shown; `uncounted` ones don't use up a try."""

    attempt: Attempt
    number: int
    state: StateView
    duration: str
    diagnosis: Diagnosis | None
    phases: Sequence[Phase]

    @property
    def uncounted(self) -> bool:
        return not self.attempt.counted

    @property
    def nothing_sent(self) -> bool:
        """Whether it ended before the first byte of the request."""
        return self.attempt.status is None and self.attempt.diagnosis in outcomes.NOTHING_SENT

    @property
    def first_line(self) -> str:
        return request_line(self.attempt.url)[0]

    @property
    def host(self) -> str:
        return request_line(self.attempt.url)[1]

    @property
    def request_lines(self) -> list[Line]:
        return stored_lines(self.attempt.request_headers)

    @property
    def response_lines(self) -> list[Line]:
        return stored_lines(self.attempt.response_headers)


@dataclass
class DeliveryPage:
    """What the page shows of a delivery and keeps current."""

    delivery: Delivery
    actor: Actor
    now: datetime

    @cached_property
    def title(self) -> str:
        return event_title(self.delivery.event)

    @cached_property
    def state(self) -> StateView:
        return describe_briefly(self.delivery, now=self.now)

    @cached_property
    def reason(self) -> str:
        return self.delivery.get_reason_display() if self.delivery.reason else ""

    @cached_property
    def attempts(self) -> list[AttemptView]:
        """Newest first. Those handed back never started, so they are not attempts for a reader."""
        shown = list(self.delivery.attempts.exclude(outcome=Outcome.HANDED_BACK).order_by("number"))
        return [_view(attempt, number) for number, attempt in enumerate(shown, start=1)][::-1]

    @property
    def next_number(self) -> int:
        return len(self.attempts) + 1

    @cached_property
    def in_flight(self) -> bool:
        return is_in_flight(self.delivery, now=self.now)

    @property
    def waits(self) -> bool:
        """Whether a time for the next attempt is set and may be shown."""
        return self.delivery.state == State.WAITING and not self.in_flight

    @property
    def due(self) -> bool:
        """Whether the time of the next attempt has come."""
        return self.waits and (self.delivery.due_at or self.now) <= self.now

    @property
    def open(self) -> bool:
        return self.delivery.state in (State.WAITING, State.HELD)

    @property
    def sees_headers(self) -> bool:
        return self.actor.can(Role.TECHNICAL)

    @property
    def may_send(self) -> bool:
        return self.actor.can(Role.TECHNICAL)

    @property
    def attempts_words(self) -> str:
        return attempts_text(self.delivery.counted_attempts, self.delivery.webhook.max_attempts)

    @property
    def tried(self) -> bool:
        """Whether an attempt has come to something: before that there is no "again"."""
        return any(view.attempt.outcome != Outcome.OPEN for view in self.attempts)

    @property
    def offers_sending(self) -> bool:
        """What is held is decided upon on the webhook's page, and nothing else."""
        return self.may_send and self.delivery.state != State.HELD and (self.tried or not self.open)

    @property
    def newest_diagnosis(self) -> Diagnosis | None:
        return self.attempts[0].diagnosis if self.attempts else None

    @property
    def cure(self) -> str:
        """Where the newest failure's cause is, for somebody who may mend it: "connection", "form" (the webhook's), or
        "" for elsewhere."""
        webhook, found = self.delivery.webhook, self.newest_diagnosis
        if found is None or not self.may_send or webhook.archived:
            return ""
        if webhook.connection_id and found.code.startswith(_CONNECTION_HELPS):
            return "connection"
        return "form" if found.code in FORM_HELPS or found.code.startswith(("token_", "unauthorized_")) else ""

    @property
    def secret_helps(self) -> bool:
        """Whether the newest attempt may have failed by our signature, for somebody who may open the secret's page."""
        found = self.newest_diagnosis
        return self.may_send and not self.delivery.webhook.archived and found is not None and found.signature

    @property
    def holder(self) -> str:
        """Whose turn it is while it is held: "operator" or "participant"."""
        webhook = self.delivery.webhook
        paused = webhook.stopped_reason == StoppedReason.PAUSED
        return "operator" if paused or webhook.participant.blocked else "participant"

    @cached_property
    def refusal(self) -> str:
        """Why the same can't be sent again, "" when it can."""
        publication = self.delivery.event.publication
        if publication is not None and not self.product_is_open:
            return _("This product is not available to this participant any more.")
        return why_not_sendable(self.delivery.webhook)

    @cached_property
    def product_is_open(self) -> bool:
        """Whether the participant may still see the product, and so fetch the file."""
        publication = self.delivery.event.publication
        if publication is None or self.actor.participant is None:
            return False
        return Publication.objects.visible_to(self.actor.participant).filter(pk=publication.pk).exists()

    @cached_property
    def body(self) -> list[BodyLine]:
        return pretty_body(bytes(self.delivery.body)) if self.delivery.body else []

    @property
    def body_bytes(self) -> int:
        return len(self.delivery.body or b"")

    @property
    def body_days(self) -> int:
        """For how many days bodies are kept."""
        return int(settings.PORTAL_KEEP_BODIES_DAYS)

    @cached_property
    def curl(self) -> str:
        """The last attempt's request as a command; empty for those who see no headers, and before the first."""
        last = next((view.attempt for view in self.attempts if view.attempt.request_headers), None)
        if not self.sees_headers or last is None or not self.delivery.body:
            return ""
        lines = stored_lines(last.request_headers)
        live = {"webhook-timestamp", "webhook-signature"}
        lines = [Line(line.name, line.value, "live") if line.name.lower() in live else line for line in lines]
        return curl_command(self._whole_url(last.url), lines, bytes(self.delivery.body).decode("utf-8", "replace"))

    def _whole_url(self, stored: str) -> str:
        # Stored with the values of its query masked; those who may edit the webhook see them in its form anyway.
        current = self.delivery.webhook.request_uri
        return current if masked_url(current) == stored else stored

    @cached_property
    def link_until(self) -> datetime | None:
        """When the link in the body ends: its life began with the first claim, which wrote the first attempt."""
        first = self.attempts[-1].attempt.slot_at if self.attempts else None
        if first is None or self.delivery.event.publication is None or not self.delivery.body_format:
            return None
        return first + timedelta(days=settings.PORTAL_DOWNLOAD_LINK_DAYS)

    @cached_property
    def downloads(self) -> dict[str, Any]:
        rows = Download.objects.filter(delivery_uuid=self.delivery.uuid)
        return rows.aggregate(count=Sum("count"), last_at=Max("last_at"))

    @cached_property
    def stamp(self) -> str:
        """Changes with anything on the page that moves; an open page asks for news by it."""
        delivery = self.delivery
        seen = (get_language(), self.state, delivery.reason, delivery.due_at, delivery.attempts_made, self.refusal)
        closed = [(view.attempt.pk, view.attempt.outcome) for view in self.attempts]
        return hashlib.sha256(repr((*seen, closed, self.downloads)).encode()).hexdigest()[:16]

    @property
    def waited_seconds(self) -> int:
        return max(0, int((self.now - self.waits_since).total_seconds()))

    @property
    def wait_seconds(self) -> int:
        due = self.delivery.due_at or self.now
        return max(1, int((due - self.waits_since).total_seconds()))

    @property
    def waits_since(self) -> datetime:
        return self.delivery.last_attempt_at or self.delivery.created_at


def _view(attempt: Attempt, number: int) -> AttemptView:
    diagnosis = DIAGNOSES.get(attempt.diagnosis) if attempt.diagnosis else None
    phases = time_phases(attempt.timing) if attempt.timing else []
    return AttemptView(attempt, number, _state(attempt), seconds_text(attempt.duration_ms), diagnosis, phases)


def _state(attempt: Attempt) -> StateView:
    if attempt.outcome == Outcome.OPEN:
        return StateView("run", "loader-2", _("Being sent"))
    if attempt.succeeded:
        return StateView("ok", "circle-check", str(attempt.status))
    if attempt.outcome == Outcome.UNKNOWN:
        return StateView("idle", "help-circle", failure_text(None, attempt.diagnosis))
    return StateView("bad", "circle-x", failure_text(attempt.status, attempt.diagnosis))


def time_phases(timing: dict[str, float]) -> list[Phase]:
    """The phases that took time, one after the other; what the total holds beside them is the rest of the answer."""
    times = [(_phase_label(name), float(timing.get(name) or 0)) for name in _PHASES]
    total = max(float(timing.get("total") or 0), sum(time for _label, time in times), 0.1)
    times.append((_("Rest of the answer"), total - sum(time for _label, time in times)))
    longest = max(time for _label, time in times)
    phases, start = [], 0.0
    for label, time in times:
        if time < 0.5 and time != longest:
            continue
        width = max(4, round(time / total * _CHART))
        phases.append(Phase(label, round(time), round(start / total * _CHART), width, time == longest))
        start += time
    return phases


def _phase_label(name: str) -> str:
    labels = {
        "dns": _("Name"),
        "connect": _("Connection"),
        "tls": "TLS",
        "first_byte": _("Waiting for the answer"),
    }
    return labels[name]
