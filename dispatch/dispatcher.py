"""The loop of one dispatcher: claim, send, record, again. It holds no state that the tables don't have.

Refilled continuously: one slow receiver holds nobody up. Outside its short transactions it holds no lock, and every
row that it has claimed falls due again by itself when this process dies.
"""

import os
import platform
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from access.unavailable import is_unavailable
from connections.tokens import Token
from dispatch import clock, failpoints
from dispatch.actions import next_embargo_end, release_due_publications
from dispatch.beats import DispatcherSign
from dispatch.claims import Claim, Claimed, claim_due
from dispatch.records import Finished, record_one, record_results
from dispatch.tokens import TokenDesk
from outbound import outcomes
from outbound.client import Pool
from outbound.transfer import Result
from webhooks.sending import PlanCache, build_request, redacted_headers

logger = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
RECORD_AFTER_SECONDS = 0.05
RECORD_ROWS = 100
SLOT_TOLERANCE_SECONDS = 0.05
# What ends just before its lease has to be written down before it too, or another claim sends it again.
RECORDING_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 5.0
# What another claim has locked is free again after some milliseconds.
BUSY_SECONDS = 0.01
# Webhooks that keep failing get one part in so many of the pool: however many hang, the others are sent to.
FAILING_SHARE = 4


class Dispatcher:
    """One sender. `stop()` may be called from a signal handler or another thread; `wake()` from any thread."""

    def __init__(self, name: str = "") -> None:
        self.pool = Pool(settings.PORTAL_DISPATCH_CONCURRENCY)
        self.queue: deque[tuple[Claimed, float]] = deque()
        self.done: list[Finished] = []
        self.done_since = 0.0
        self.sign = DispatcherSign(name or f"{platform.node()}:{os.getpid()}")
        self.stopping = False
        self.look_again = True
        self.last_webhook = 0
        self.next_poll = 0.0
        self.next_look = 0.0
        self.barren_rounds = 0
        self.failing_claimed = 0
        self.plans = PlanCache()
        self.tokens = TokenDesk(self.pool.wake)
        self.expecting = False
        self.pause = 0.0
        self.paused_until = 0.0

    def wake(self) -> None:
        """Look for due rows now."""
        self.barren_rounds = 0
        self.look_again = True
        self.pool.wake()

    def stop(self) -> None:
        """Stop claiming, finish what is in flight, record it, hand back the rest."""
        self.stopping = True
        self.pool.wake()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work until `stop()` or until `until()` says so (for tests and for `dispatcher --once`), and close."""
        self.work(until)
        self.sign.remove()
        self.pool.close()

    def work(self, until: Callable[[], bool]) -> None:
        """Work until `stop()` or until `until()` says so; nothing is claimed or in flight then. May be called again."""
        while not self.stopping and not until():
            self.step()
        self._finish()

    def look(self) -> bool:
        """Claim what is due, without waiting for anything. Returns whether there is something to do."""
        self.wake()
        while self.look_again and self.idle:
            self._tick()
            self._refill()
        return not self.at_rest

    def step(self) -> None:
        """One turn of the loop. A database that went away costs a pause, never a row: results wait until written.

        What is in flight is listened to meanwhile: an answer that nobody reads until its deadline looks like none.
        """
        if time.monotonic() < self.paused_until:
            self._collect(self.paused_until - time.monotonic())
            return
        try:
            self._tick()
            self._refill()
            self._start_queued()
            self._collect(self._patience())
            self._record_if_due()
            self.pause = 0.0
        except (DatabaseError, InterfaceError) as error:
            self._recover(error)

    @property
    def idle(self) -> bool:
        """Nothing claimed, in flight or unrecorded."""
        return not self.queue and not self.pool.in_flight and not self.done and not self.tokens.parked

    @property
    def waits_for_others(self) -> bool:
        """A receiver, or a token endpoint, has still to answer."""
        return bool(self.pool.in_flight or self.tokens.fetching)

    @property
    def at_rest(self) -> bool:
        """Idle, and the last look found nothing that is due, or about to be published, within the next moments."""
        about_to_look = self.look_again or self.next_look or self.expecting or self.tokens.waiting
        return self.idle and not about_to_look

    def _tick(self) -> None:
        """Once a second: look whatever the wake-ups say, let embargoes end, show that this process lives."""
        if time.monotonic() < self.next_poll:
            return
        now = clock.now()
        release_due_publications(now=now)
        self.sign.show()
        self.look_again = True
        # At the very moment at which an embargo ends: a second later is too late.
        next_end = next_embargo_end(now)
        wait = POLL_SECONDS if next_end is None else min(POLL_SECONDS, max(0.0, (next_end - now).total_seconds()))
        self.expecting = wait < POLL_SECONDS
        self.next_poll = time.monotonic() + wait

    def _refill(self) -> None:
        if self.next_look and time.monotonic() >= self.next_look:
            self.next_look, self.look_again = 0.0, True
        self.look_again = self.tokens.some_are_due() or self.look_again
        if not self.look_again or len(self.queue) > settings.PORTAL_DISPATCH_CONCURRENCY // 2:
            return
        self.look_again = False
        # Read before the claim: the lease can only be longer than what this clock says.
        before = time.monotonic()
        room = max(0, self.pool.free - len(self.queue))
        claim = claim_due(
            settings.PORTAL_DISPATCH_BATCH - len(self.queue),
            after=self.last_webhook,
            room=room,
            failing_room=self._room_for_failing(),
            plans=self.plans,
        )
        self._go_on_after(claim)
        self._enqueue([(claimed, before) for claimed in claim.rows])
        self.tokens.ask(claim.rows)

    def _enqueue(self, rows: list[tuple[Claimed, float]]) -> None:
        # A slot is good for a moment, and a person waits for what is urgent: both go before what lies here already.
        hurried = [row for row in rows if row[0].limited or row[0].urgent]
        self.queue.extend(row for row in rows if not (row[0].limited or row[0].urgent))
        self.queue.extendleft(reversed(hurried))

    def _room_for_failing(self) -> int:
        """How many more requests may wait for webhooks that keep failing: the others find most of the pool free."""
        return max(0, settings.PORTAL_DISPATCH_CONCURRENCY // FAILING_SHARE - self.failing_claimed)

    def _go_on_after(self, claim: Claim) -> None:
        """Remember where the next claim goes on, and whether there is reason for one at once."""
        self.failing_claimed += sum(claimed.failing for claimed in claim.rows)
        self.last_webhook = claim.last_webhook
        self.barren_rounds = 0 if claim.taken else self.barren_rounds + (claim.last_webhook == 0)
        if claim.busy:
            # Another claim had some of the lanes, for some milliseconds.
            self.next_look = time.monotonic() + BUSY_SECONDS
        if not claim.complete:
            # With much due, a claim sees a part of the webhooks: go on until all have been seen in vain.
            self.look_again = self.look_again or claim.taken > 0 or self.barren_rounds < 2

    def _start_queued(self) -> None:
        limited = False
        if self.tokens.waiting:
            self._enqueue(self.tokens.take_served())
            for finished in self.tokens.take_overdue():
                self._keep(finished)
        while self.queue and self.pool.free:
            claimed, claimed_at = self.queue.popleft()
            self._start(claimed, claimed_at)
            limited = limited or claimed.limited
        if limited:
            # The receiver counts its window from the arrival: one that leaves late is too near to the next one.
            self.pool.press(SLOT_TOLERANCE_SECONDS)

    def _start(self, claimed: Claimed, claimed_at: float) -> None:
        needed = settings.PORTAL_OUTBOUND_DEADLINE_SECONDS + RECORDING_SECONDS
        not_after = claimed_at + settings.PORTAL_DISPATCH_LEASE_SECONDS - needed
        if claimed.limited:
            not_after = min(not_after, claimed.booked_at + SLOT_TOLERANCE_SECONDS)
        if time.monotonic() > not_after:
            self._keep(Finished(claimed, Result(error=outcomes.NOT_STARTED), []))
            return
        token = None
        if claimed.plan.token is not None:
            served = self.tokens.serve(claimed, claimed_at, not_after)
            if not isinstance(served, Token):
                if served is not None:
                    self._keep(served)
                return
            token = served
        failpoints.reach(failpoints.BEFORE_REPEAT if claimed.repeat else failpoints.BEFORE_POST)
        try:
            self._send(claimed, not_after, token)
        except Exception as error:
            # A mistake of ours. Let out, it would end the process, and every row of its batch would pay with it.
            logger.exception("dispatcher.not_startable", attempt=claimed.attempt_id)
            self._keep(Finished(claimed, Result(error=outcomes.TRANSFER_FAILED, detail=type(error).__name__), []))
        failpoints.reach(failpoints.IN_FLIGHT)

    def _send(self, claimed: Claimed, not_after: float, token: Token | None) -> None:
        request = build_request(claimed.plan, claimed.message, datetime.now(UTC), not_after, token=token)
        # Masked now: the request itself, with its secrets, is forgotten as soon as libcurl has it.
        self.pool.start(request, (claimed, redacted_headers(claimed.plan, request), token), prompt=claimed.limited)

    def _collect(self, patience: float) -> None:
        for (claimed, headers, token), result in self.pool.poll(patience):
            failpoints.reach(failpoints.REPEAT_ANSWERED if claimed.repeat else failpoints.BEFORE_RECORD)
            self._keep(Finished(claimed, result, headers, token))

    def _keep(self, finished: Finished) -> None:
        if not self.done:
            self.done_since = time.monotonic()
        self.failing_claimed -= finished.claimed.failing
        self.done.append(finished)

    def _record_if_due(self) -> None:
        if not self.done:
            return
        waited = time.monotonic() - self.done_since
        if waited < RECORD_AFTER_SECONDS and len(self.done) < RECORD_ROWS and self.pool.in_flight:
            return
        self._record()
        # Their lanes have room again.
        self.look_again = True

    def _record(self) -> None:
        """Write what has come back. One result that the database refuses must not keep the others from it."""
        self.tokens.drop_refused(self.done)
        try:
            record_results(self.done)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # PostgreSQL calls it an internal error that it is read-only for a while.
            if is_unavailable(error):
                raise
            logger.exception("dispatcher.batch_refused", results=len(self.done))
            for finished in self.done:
                record_one(finished)
        if any(finished.stale_token for finished in self.done):
            failpoints.reach(failpoints.REPEAT_DUE)
        self.tokens.note_recorded(self.done)
        self.done = []

    def _patience(self) -> float:
        """How long the sending may be waited for before this loop has something else to do."""
        if self.look_again and len(self.queue) <= settings.PORTAL_DISPATCH_CONCURRENCY // 2:
            return 0.0
        moments = [self.next_poll]
        if self.done:
            moments.append(self.done_since + RECORD_AFTER_SECONDS)
        if self.next_look:
            moments.append(self.next_look)
        if moment := self.tokens.next_moment():
            moments.append(moment)
        return max(0.0, min(moments) - time.monotonic())

    def _finish(self) -> None:
        """Hand back what was not started, so that others take it now, and write what is in flight as it comes in."""
        for finished in self.tokens.give_up():
            self._keep(finished)
        while self.queue:
            self._keep(Finished(self.queue.popleft()[0], Result(error=outcomes.NOT_STARTED), []))
        while self.pool.in_flight or self.done:
            if time.monotonic() >= self.paused_until and not self._record_at_end():
                break
            self._collect(max(self.paused_until - time.monotonic(), POLL_SECONDS if self.pool.in_flight else 0.0))
        self.done = []
        self.tokens.finish()

    def _record_at_end(self) -> bool:
        """Write what there is; False when the database stays away and nothing else is to come."""
        try:
            self._record()
            self.pause = 0.0
        except (DatabaseError, InterfaceError) as error:
            self._recover(error)
            if self.pause >= LONGEST_PAUSE_SECONDS and not self.pool.in_flight:
                # The leases run out by themselves: what is lost here is sent again, not lost.
                logger.error("dispatcher.results_not_recorded", results=len(self.done))
                return False
        return True

    def _recover(self, error: Exception) -> None:
        self.pause = min(LONGEST_PAUSE_SECONDS, self.pause * 2 or 0.1)
        self.paused_until = time.monotonic() + self.pause
        logger.warning("dispatcher.database_failed", error=type(error).__name__, pause_seconds=self.pause)
        connection.close()
        self.look_again = True
